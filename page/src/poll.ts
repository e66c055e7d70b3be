/** Reading a route again and again: what was read stays while the server is silent, and nothing is read while hidden. */
import { useCallback, useEffect, useRef, useState } from "react";
import { read, RouteError } from "./api";

export interface Polled<T> {
  data: T | null;
  /** Why the last look failed; null after one that did not. */
  error: RouteError | null;
  /** When `data` came, in this browser's epoch milliseconds. */
  receivedAt: number;
  refresh: () => void;
}

/** Read `path` now and every `seconds`; a changed path is read at once, and shows what was read before until then. */
export function usePolled<T>(path: string | null, seconds: number): Polled<T> {
  const [state, setState] = useState<Omit<Polled<T>, "refresh">>({ data: null, error: null, receivedAt: 0 });
  const pause = useRef(seconds);
  pause.current = seconds;
  const again = useRef<() => void>(() => undefined);
  useEffect(() => {
    if (path === null) return undefined;
    let timer = 0;
    let reading: AbortController | null = null;
    const look = async () => {
      window.clearTimeout(timer);
      reading?.abort();
      const own = new AbortController();
      reading = own;
      try {
        const data = await read<T>(path, own.signal);
        if (own.signal.aborted) return;
        setState({ data, error: null, receivedAt: Date.now() });
      } catch (error) {
        if (own.signal.aborted) return;
        const told = error instanceof RouteError ? error : new RouteError(-1, String(error));
        setState((before) => ({ ...before, error: told }));
      }
      if (!document.hidden) timer = window.setTimeout(look, pause.current * 1000);
    };
    const seen = () => {
      if (document.hidden) window.clearTimeout(timer);
      else void look();
    };
    again.current = () => void look();
    document.addEventListener("visibilitychange", seen);
    void look();
    return () => {
      window.clearTimeout(timer);
      reading?.abort();
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path]);
  const refresh = useCallback(() => again.current(), []);
  return { ...state, refresh };
}

/** The time now, in epoch milliseconds, moving every second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/** A value that follows another once it rests. */
export function useResting<T>(value: T, milliseconds = 300): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setRested(value), milliseconds);
    return () => window.clearTimeout(timer);
  }, [value, milliseconds]);
  return rested;
}
