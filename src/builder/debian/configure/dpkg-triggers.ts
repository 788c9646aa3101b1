/** What a package says about a trigger: it wants to hear of it. */
export interface TriggerInterest {
  /** A path with a leading slash, or a name. */
  readonly trigger: string;
  /** Whether packages that set it off wait for the interested package. */
  readonly awaits: boolean;
}

// A name becomes the name of a file in dpkg's database, and a word in its lines.
const PATH_TRIGGER = /^\/[!-~]+$/;
const NAMED_TRIGGER = /^[A-Za-z0-9][!-.0-~]*$/;
/** Files of dpkg's own beside those of the triggers. */
const RESERVED: ReadonlySet<string> = new Set(["File", "Lock", "Unincorp"]);
const MAX_TRIGGER_LENGTH = 200;

/**
 * The interests in the text of a control file `triggers`, in order (deb-triggers(5)); `activate` lines are dpkg's matter.
 *
 * @throws {Error} if a directive or a trigger is not one that dpkg accepts
 */
export function parseTriggerInterests(text: string): readonly TriggerInterest[] {
  return text.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [directive = "", trigger = ""] = words;
    if (directive === "" || directive.startsWith("#")) return [];
    const match = /^(interest|activate)(-await|-noawait)?$/.exec(directive);
    if (match === null || words.length !== 2 || !isTrigger(trigger)) {
      throw new Error(`a package has the trigger line ${JSON.stringify(line.slice(0, 100))}`);
    }
    return match[1] === "interest" ? [{ trigger, awaits: match[2] !== "-noawait" }] : [];
  });
}

function isTrigger(text: string): boolean {
  if (text.startsWith("/")) return PATH_TRIGGER.test(text);
  return NAMED_TRIGGER.test(text) && text.length <= MAX_TRIGGER_LENGTH && !RESERVED.has(text);
}
