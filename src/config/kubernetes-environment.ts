import { isIP } from "node:net";

const URL_VALUE = /^(?:tcp|udp|sctp):\/\/\S+:\d+$/;
const PORT = /^\d+$/;

/** The ends of the variables that Kubernetes sets, and the values that each may have. */
const SERVICE_VARIABLES: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, (value) => isIP(value) !== 0],
  [/_SERVICE_PORT(?:_[A-Z\d_]+)?$/, (value) => PORT.test(value)],
  [/_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/, (value) => URL_VALUE.test(value)],
  [/_PORT_\d+_(?:TCP|UDP|SCTP)_PROTO$/, (value) => /^(?:tcp|udp|sctp)$/.test(value)],
  [/_PORT_\d+_(?:TCP|UDP|SCTP)_PORT$/, (value) => PORT.test(value)],
  [/_PORT_\d+_(?:TCP|UDP|SCTP)_ADDR$/, (value) => isIP(value) !== 0],
];

/**
 * Whether Kubernetes made this variable. It gives every container some for each Service in its namespace, named after
 * the Service: `SLIPWAY_PORT=tcp://10.0.0.1:80` for `slipway`, `SLIPWAY_HTTP_PORT` for `slipway-http`.
 */
export function isServiceVariable(variable: string, value: string): boolean {
  return SERVICE_VARIABLES.some(([name, fits]) => name.test(variable) && fits(value));
}
