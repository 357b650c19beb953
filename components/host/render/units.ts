import { ENTRY_POINT } from "../paths.ts";
import { renderParameters, type Parameters } from "./parameters.ts";

/** A verb of the entry point that systemd runs. */
export interface Service {
  /** What `systemctl status` shows. */
  description: string;
  verb: string;
  parameters: Parameters;
  /** Minutes after which it is ended. */
  timeout: number;
}

const HEADING = "# Written by twisterlab-edge; change it there.";

/** The unit of a verb: it yields to everything else that reads or writes, and waits for nobody when there is no entry point. */
export function renderService({ description, verb, parameters, timeout }: Service): string {
  return [
    HEADING,
    "[Unit]",
    `Description=${description}`,
    `ConditionPathExists=${ENTRY_POINT}`,
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${ENTRY_POINT} ${verb}`,
    "StandardInput=data",
    `StandardInputText=${escaped(parameters)}`,
    `SyslogIdentifier=twisterlab-edge-${verb}`,
    `TimeoutStartSec=${timeout}min`,
    "Nice=19",
    "IOSchedulingClass=idle",
    "",
  ].join("\n");
}

/** The timer of a service of the same name. A run that was missed while the host was off is made up for. */
export function renderTimer({ description, calendar }: { description: string; calendar: string }): string {
  return [
    HEADING,
    "[Unit]",
    `Description=${description}`,
    "",
    "[Timer]",
    `OnCalendar=${calendar}`,
    "AccuracySec=1m",
    "Persistent=true",
    "",
    "[Install]",
    "WantedBy=timers.target",
    "",
  ].join("\n");
}

/** A drop-in that gives somebody else's timer another calendar, in place of what it had. */
export function renderCalendar(calendar: string): string {
  return [
    HEADING,
    "[Timer]",
    "OnCalendar=",
    `OnCalendar=${calendar}`,
    "RandomizedDelaySec=0",
    "AccuracySec=1m",
    "Persistent=true",
    "",
  ].join("\n");
}

/** Standard input in a unit file: systemd adds the last newline by itself. */
function escaped(parameters: Parameters): string {
  return renderParameters(parameters)
    .replace(/\n$/, "")
    .replaceAll("\\", "\\\\")
    .replaceAll("%", "%%")
    .replaceAll("\n", "\\n");
}
