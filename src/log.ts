import pino, { type Logger as PinoLogger } from "pino";

/** Structured log lines. Never given a body, a credential or a header that may hold one. */
export type Logger = PinoLogger;

/** Severities from the quietest to the loudest. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger that writes JSON lines to standard error. Each folder takes a child with its own `area`. */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}
