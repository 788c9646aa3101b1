import pino, { type Logger as PinoLogger } from "pino";

/** A structured logger. Never pass it a body, a credential, or a header that may contain one. */
export type Logger = PinoLogger;

/** Log levels, from the least to the most output. */
export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
/** One of the log levels. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger that writes JSON lines to standard error. Each folder uses a child logger with its own `area`. */
export function createLogger(level: LogLevel): Logger {
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}
