/** A plan that has failed over: what failback needs of each server. */
import type { FailedOverServer, Plan } from "../api";
import { Section, Table, Time } from "../parts";
import { Link } from "../router";

const HEADS = ["Server", "Came from", "Runs in", "Instance", "Private IP", "Hostname", "Point in time"];

export function FailedOver({ plan }: { plan: Plan }) {
  const { failover } = plan;
  if (!failover) return null;
  return (
    <Section title="Failed over: what failback needs" className="card bad">
      <p>
        Since <Time at={failover.since} />
        {failover.runId && (
          <>
            , by <Link to={{ page: "execution", plan: plan.planId, run: failover.runId }}>{failover.runId}</Link>
          </>
        )}
      </p>
      <Table
        label="Servers that have failed over"
        head={HEADS.map((head) => (
          <th key={head} scope="col">
            {head}
          </th>
        ))}
      >
        {failover.servers?.map((server) => (
          <Row key={`${server.accountId}/${server.region}/${server.sourceServerId}`} server={server} />
        ))}
      </Table>
    </Section>
  );
}

function Row({ server }: { server: FailedOverServer }) {
  const origin = [server.originAccountId, server.originRegion, server.originZone].filter(Boolean).join(" ");
  return (
    <tr>
      <th scope="row">
        {server.name || server.sourceServerId}
        {server.name && <div className="muted small nowrap">{server.sourceServerId}</div>}
      </th>
      <td>{origin || "–"}</td>
      <td>{[server.accountId, server.region].filter(Boolean).join(" ") || "–"}</td>
      <td className="nowrap">{server.instanceId || "–"}</td>
      <td>{server.privateIp || "–"}</td>
      <td>{server.hostname || "–"}</td>
      <td>
        <Time at={server.pointInTime} />
      </td>
    </tr>
  );
}
