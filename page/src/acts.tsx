/** What people may do: a button for each act, and a dialog that says what will happen before it does. */
import { Fragment, useEffect, useId, useRef, useState, type FormEvent } from "react";
import { RouteError, send, type Act } from "./api";
import { FieldInput, initial, valueOf } from "./fields";
import { useAnnounce } from "./parts";

export interface Done {
  done?: string;
  runId?: string;
}

/** @param path of the route that acts are sent to, below which each has its name */
export function Acts(props: { acts: Act[]; path: string; only?: string | undefined; onDone: (done: Done) => void }) {
  const { only } = props;
  const shown = only === undefined ? props.acts : props.acts.filter(({ name }) => name === only);
  const [open, setOpen] = useState<Act | null>(null);
  return (
    <>
      <div className="acts">
        {shown.map((act, index) => (
          <button
            key={`${act.name}-${index}`}
            type="button"
            className={act.allowed ? (act.danger ? "danger" : "act") : "refused"}
            aria-haspopup="dialog"
            data-act={act.name}
            onClick={() => setOpen(act)}
          >
            {!act.allowed && <span aria-hidden="true">⊘ </span>}
            {act.label}…{!act.allowed && <span className="hidden"> (not possible: says why)</span>}
          </button>
        ))}
      </div>
      {open && <ActDialog act={open} path={props.path} onClose={() => setOpen(null)} onDone={props.onDone} />}
    </>
  );
}

function ActDialog(props: { act: Act; path: string; onClose: () => void; onDone: (done: Done) => void }) {
  // What the dialog says does not change under the reader's eyes while the page behind it is refreshed.
  const [act] = useState(props.act);
  const fields = act.fields ?? [];
  const [values, setValues] = useState(() => initial(fields));
  const [error, setError] = useState<RouteError | null>(null);
  const [busy, setBusy] = useState(false);
  const sent = useRef(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const announce = useAnnounce();

  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  useEffect(() => {
    if (!error) return;
    const wrong = error.field && dialog.current?.querySelector<HTMLElement>(`[name="${CSS.escape(error.field)}"]`);
    (wrong || dialog.current?.querySelector<HTMLElement>(".refusal"))?.focus();
  }, [error]);

  const close = () => dialog.current?.close();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (sent.current) return;
    sent.current = true;
    setBusy(true);
    setError(null);
    try {
      const asked = Object.fromEntries(fields.map((field) => [field.name, valueOf(field, values[field.name])]));
      const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      const done = await send<Done>(`${props.path}/${encodeURIComponent(act.name)}`, given);
      close();
      announce(done.done ?? `${act.label}: done`);
      props.onDone(done);
    } catch (problem) {
      setError(problem instanceof RouteError ? problem : new RouteError(-1, String(problem)));
    } finally {
      sent.current = false;
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} aria-describedby={`${id}-text`} onClose={props.onClose}>
      <form onSubmit={submit}>
        <h2 id={`${id}-title`}>{act.label}</h2>
        <div id={`${id}-text`}>
          {act.allowed && act.confirmation && <p className="pre">{act.confirmation}</p>}
          {act.allowed && act.doesNotStop && (
            <p className="pre notstop">
              <strong>It does not stop:</strong> {act.doesNotStop}
            </p>
          )}
          {!act.allowed && (
            <p className="pre notice warn">
              <strong>Not possible.</strong> {act.why}
            </p>
          )}
        </div>
        {act.allowed &&
          fields.map((field, index) => (
            <Fragment key={field.name}>
              {field.section && field.section !== fields[index - 1]?.section && <h3>{field.section}</h3>}
              <FieldInput
                field={field}
                value={values[field.name]}
                error={error?.field === field.name ? error.message : ""}
                onValue={(value) => setValues((all) => ({ ...all, [field.name]: value }))}
              />
            </Fragment>
          ))}
        {error && <Refusal error={error} />}
        <div className="buttons">
          <button type="button" onClick={close}>
            {act.allowed ? "Back" : "Close"}
          </button>
          {act.allowed && (
            <button type="submit" className={act.danger ? "danger" : "act"} aria-disabled={busy}>
              {busy ? "Sending…" : act.label}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

const MEANS: Record<number, string> = {
  0: "Nobody knows whether it was done: look before you try again.",
  401: "You are logged out.",
  403: "Not allowed.",
  409: "Somebody was faster, or it is too late.",
  422: "Not as it must be.",
};

function Refusal({ error }: { error: RouteError }) {
  return (
    <div className="notice bad refusal" role="alert" tabIndex={-1}>
      <p className="pre">
        <strong>{MEANS[error.status] ?? "It was not done."}</strong> {error.message}
      </p>
      {error.remedy && <p className="pre">{error.remedy}</p>}
    </div>
  );
}

