import * as pulumi from "@pulumi/pulumi";
import type { SudoRule } from "./facts.ts";
import { hostItem, type Host } from "./host.ts";
import { HostFile, planHostFile } from "./hostFile.ts";
import type { Observation } from "./observation.ts";
import { ENTRY_POINT, OBSERVER, OBSERVER_HOME } from "./paths.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";
import { renderAuthorizedKeys } from "./render/authorizedKeys.ts";
import { renderSudoRules, type SudoRulesArgs } from "./render/sudoRules.ts";

const SUDO_RULES = "/etc/sudoers.d/twisterlab-edge";
const AUTHORIZED_KEYS = `${OBSERVER_HOME}/.ssh/authorized_keys`;

export interface HostAccessArgs extends Reason {
  /** Account that applies. */
  user: string;
  /** Public key that may only observe, as `ssh-ed25519 AAAA...`. None: there is no account for it. */
  observerKey?: string;
}

/**
 * Who gets into the host for this program: the account that applies, by a sudo rule for the entry point alone, and an
 * account of its own whose key can do nothing but observe.
 *
 * What the account that applies may do besides, by other rules, is left alone and told: taking it out is for the person
 * who has another way in. It remains an account to trust, because the entry point replaces itself.
 */
export class HostAccess extends pulumi.ComponentResource {
  /** The file with the rules for sudo. */
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: HostAccessArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:HostAccess", name, args, opts);
    const observer = args.observerKey !== undefined;
    const before: pulumi.Resource[] = [];
    if (observer) {
      // Before its rule, which is tried out at once.
      const account = hostItem(
        `${name}-account`,
        {
          plan: planObserverAccount(`${name}-account`, host.observation),
          why: "a preview, and whoever may only look, needs no key that can change something",
          apply: "observer-account put",
          undo: "observer-account undo",
          parameters: {},
        },
        host,
        { parent: this },
      );
      before.push(account.last);
    }
    const rules = new HostFile(
      `${name}-sudo`,
      {
        path: SUDO_RULES,
        content: renderSudoRules({ user: args.user, observer }),
        mode: "440",
        why: args.why,
        plan: planSudoRules({ user: args.user, observer }, host.observation),
        validate: "sudoers",
        activate: "sudoers",
        // That the confirmation arrives is the proof.
        guarded: true,
      },
      host,
      { parent: this, dependsOn: before },
    );
    if (args.observerKey !== undefined) {
      new HostFile(
        `${name}-key`,
        {
          path: AUTHORIZED_KEYS,
          content: renderAuthorizedKeys(args.observerKey),
          why: "the observer's key is tied to the one command that reads",
          effect: `${OBSERVER} gets in with this key, for ${ENTRY_POINT} observe and nothing else`,
        },
        host,
        { parent: this, dependsOn: rules },
      );
    }
    this.path = rules.path;
    this.registerOutputs({ path: this.path });
  }
}

/** What the preview says of the rules for sudo, and of others that let the same account do more. */
export function planSudoRules(args: SudoRulesArgs, observation: Observation): ItemPlan {
  const plan = planHostFile(
    { path: SUDO_RULES, content: renderSudoRules(args), mode: "440" },
    observation,
    `sudo lets ${args.user} call ${ENTRY_POINT} without a password${args.observer ? `, and ${OBSERVER} its observe` : ""}`,
  );
  const others = "facts" in observation ? (observation.facts.passwordlessSudo ?? []) : [];
  return others.length === 0 ? plan : { ...plan, notes: others.map(describeRule) };
}

function describeRule({ user, file, commands }: SudoRule): string {
  const where = file ?? "a rule of sudo";
  return commands.includes("ALL")
    ? `the key that applies can do everything: ${where} lets ${user} run any command without a password; take that out when you no longer need it`
    : `${where} lets ${user} run ${commands.join(", ")} without a password`;
}

/** What the preview says of the account that may only observe. */
export function planObserverAccount(name: string, observation: Observation): ItemPlan {
  const wanted = `${OBSERVER}, ${OBSERVER_HOME}, no password`;
  const makes = `the account ${OBSERVER} is made: no password, a home that only root writes to`;
  if ("blind" in observation || observation.facts.observerAccount === undefined) {
    return { state: "not measured", sentence: makes, wanted, observed: NOT_READ };
  }
  const { items, observerAccount: account } = observation.facts;
  if (account === null) {
    return { state: "differs", sentence: makes, wanted, observed: "not there yet" };
  }
  if (items[name] === undefined) {
    const observed = "an account of that name that this program did not make";
    return {
      state: "differs",
      sentence: `${OBSERVER} is ${observed}: up will refuse, until it is removed or renamed`,
      wanted,
      observed,
      refused: true,
    };
  }
  const differences = [
    ...(account.home === OBSERVER_HOME ? [] : [`has the home ${account.home}`]),
    ...(account.shell === "/bin/sh" ? [] : [`has the shell ${account.shell}`]),
    ...(account.password === "L" ? [] : ["can get in with a password"]),
  ].join("; ");
  return differences === ""
    ? { state: "in sync", sentence: `the account ${OBSERVER} is as wanted`, wanted, observed: "as wanted" }
    : { state: "differs", sentence: `${OBSERVER} ${differences}: mended`, wanted, observed: differences };
}
