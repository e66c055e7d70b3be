/** The fields of an act's form, from what the route says of them. */
import { useId } from "react";
import type { Field } from "./api";

export type Value = string | boolean;

/** What an input shows at first. */
export function initial(fields: Field[]): Record<string, Value> {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field)]));
}

function shown({ type, default: given }: Field): Value {
  if (type === "boolean") return given === true;
  if (given === undefined || given === null) return "";
  if (Array.isArray(given)) return given.map(String).join("\n");
  if (type === "datetime") return utcInput(given);
  return String(given);
}

/** A time as an input of kind `datetime-local` takes it, in UTC. */
function utcInput(given: unknown): string {
  const at = new Date(typeof given === "number" ? given * 1000 : String(given));
  return Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(0, 19);
}

/** What is sent; undefined leaves the field out. */
export function valueOf(field: Field, value: Value | undefined): unknown {
  if (field.type === "boolean") return value === true;
  const text = String(value ?? "").trim();
  if (!text) return undefined;
  if (field.type === "number") return Number(text);
  if (field.type === "datetime") return `${text.length === 16 ? `${text}:00` : text}Z`;
  if (field.type === "list") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  return text;
}

function choices(field: Field): { value: string; label: string }[] {
  return (field.choices ?? []).map((each) => (typeof each === "string" ? { value: each, label: each } : each));
}

const FEW = 4;

interface Props {
  field: Field;
  value: Value | undefined;
  error: string;
  onValue: (value: Value) => void;
}

export function FieldInput(props: Props) {
  const { field, error } = props;
  const id = useId();
  const described = [field.help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const several = field.type === "list" && choices(field).length > 0;
  const one = field.type === "choice" && choices(field).length <= FEW;
  const label = (
    <>
      {field.label || field.name}
      {field.type === "datetime" && " (UTC)"}
      {field.required && <span className="muted"> (required)</span>}
    </>
  );
  const notes = (
    <>
      {field.help && (
        <p id={`${id}-help`} className="help pre">
          {field.help}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="error">
          {error}
        </p>
      )}
    </>
  );
  if (one || several) {
    return (
      <fieldset className="field" aria-describedby={described}>
        <legend>{label}</legend>
        {one ? <Radios {...props} /> : <Checks {...props} />}
        {notes}
      </fieldset>
    );
  }
  if (field.type === "boolean") {
    return (
      <div className="field">
        <label className="check">
          <Input {...props} id={id} described={described} /> {label}
        </label>
        {notes}
      </div>
    );
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <Input {...props} id={id} described={described} />
      {notes}
    </div>
  );
}

function Radios({ field, value, onValue }: Props) {
  return choices(field).map((choice) => (
    <label key={choice.value} className="check">
      <input
        type="radio"
        name={field.name}
        value={choice.value}
        required={field.required}
        checked={value === choice.value}
        onChange={() => onValue(choice.value)}
      />{" "}
      {choice.label}
    </label>
  ));
}

/** Several of some choices; the value has one a line. */
function Checks({ field, value, onValue }: Props) {
  const chosen = String(value ?? "").split("\n").filter(Boolean);
  return choices(field).map((choice) => (
    <label key={choice.value} className="check">
      <input
        type="checkbox"
        name={field.name}
        value={choice.value}
        checked={chosen.includes(choice.value)}
        onChange={(event) =>
          onValue(
            choices(field)
              .map((each) => each.value)
              .filter((each) => (each === choice.value ? event.target.checked : chosen.includes(each)))
              .join("\n"),
          )
        }
      />{" "}
      {choice.label}
    </label>
  ));
}

const INPUTS: Partial<Record<Field["type"], string>> = { number: "number", datetime: "datetime-local" };

function Input({ field, value, error, onValue, id, described }: Props & { id: string; described?: string }) {
  const common = {
    id,
    name: field.name,
    required: field.required,
    "aria-describedby": described,
    "aria-invalid": error ? true : undefined,
  };
  if (field.type === "boolean") {
    return (
      <input
        {...common}
        type="checkbox"
        checked={value === true}
        onChange={(event) => onValue(event.target.checked)}
      />
    );
  }
  const typed = { ...common, value: String(value ?? ""), autoComplete: "off" };
  if (field.type === "choice") {
    return (
      <select {...typed} onChange={(event) => onValue(event.target.value)}>
        {!choices(field).some((choice) => choice.value === "") && <option value="">–</option>}
        {choices(field).map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    );
  }
  if (field.type === "list" || field.type === "longtext") {
    return <textarea {...typed} rows={3} onChange={(event) => onValue(event.target.value)} />;
  }
  return (
    <input
      {...typed}
      type={INPUTS[field.type] ?? "text"}
      step={field.type === "datetime" ? 1 : "any"}
      onChange={(event) => onValue(event.target.value)}
    />
  );
}
