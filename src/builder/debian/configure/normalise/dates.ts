import { textRewrite } from "./rewrite.ts";

const DAYS = "Sun|Mon|Tue|Wed|Thu|Fri|Sat";
const MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
const TIME = "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]";

/** Times as `date`, `date -R`, ctime(3) and ISO 8601 write them, in UTC, which is the zone of the scripts. */
const DATES = [
  { pattern: `(?:${DAYS}), [0-3][0-9] (?:${MONTHS}) [0-9]{4} ${TIME} \\+0000`, format: mailDate },
  { pattern: `(?:${DAYS}) (?:${MONTHS}) [ 1-3][0-9] ${TIME} (?:UTC )?[0-9]{4}`, format: localDate },
  { pattern: `[0-9]{4}-[01][0-9]-[0-3][0-9][ T]${TIME}(?![0-9:+-])`, format: isoDate },
].map(({ pattern, format }) => ({ pattern: new RegExp(pattern, "g"), format }));

/**
 * A file whose times of the build are the image's time, in the same notation. A time that a package wrote stays: the image's
 * is that of its newest file.
 */
export const rewriteDates = textRewrite((text, { createdAt }) =>
  DATES.reduce(
    (so, { pattern, format }) =>
      so.replace(pattern, (found) => (isLater(found, createdAt) ? format(createdAt, found) : found)),
    text,
  ),
);

function isLater(text: string, createdAt: Date): boolean {
  const iso = /^[0-9]{4}-/.test(text);
  const time = Date.parse(
    iso ? `${text.replace(" ", "T")}Z` : /UTC|\+0000/.test(text) ? text : `${text} UTC`,
  );
  return time > createdAt.getTime();
}

/** Such as `Thu, 05 Jan 2023 10:00:00 +0000`. */
function mailDate(time: Date): string {
  return time.toUTCString().replace("GMT", "+0000");
}

/** Such as `Thu Jan  5 10:00:00 2023`, or with the zone before the year. */
function localDate(time: Date, like: string): string {
  const [day, date = "", month, year, clock] = time.toUTCString().replace(",", "").split(" ");
  const zone = like.includes("UTC") ? "UTC " : "";
  return `${day} ${month} ${date.replace(/^0/, " ")} ${clock} ${zone}${year}`;
}

/** Such as `2023-01-05 10:00:00`. */
function isoDate(time: Date, like: string): string {
  return time
    .toISOString()
    .slice(0, 19)
    .replace("T", like.includes("T") ? "T" : " ");
}
