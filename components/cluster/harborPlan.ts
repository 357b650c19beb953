import type { Secret } from "../settings/values/secret.ts";
import type { HarborApi, HarborRequest } from "./harborApi.ts";

/** How Harbor is to be configured. What is not named here is left alone. */
export interface WantedHarbor {
  projects: Readonly<Record<string, WantedProject>>;
  /** When images that are not kept go: cron of six fields. */
  retention: string;
  /** When what nobody needs is cleared from the disk: cron of six fields. */
  garbageCollection: string;
  robots: readonly WantedRobot[];
  replication?: WantedReplication;
}

export interface WantedProject {
  public: boolean;
  scanOnPush: boolean;
  /** Severity from which on an image is not given out. */
  preventFrom: "none" | "low" | "medium" | "high" | "critical";
  /** Images of each repository that stay. */
  keep: number;
  members: Readonly<Record<string, Role>>;
}

/** A robot account of the whole of Harbor, with rights in the wanted projects. */
export interface WantedRobot {
  /** With its prefix, `robot$k3s`. */
  name: string;
  may: readonly ("pull" | "push")[];
  password: Secret;
}

export interface WantedReplication {
  url: string;
  user: string;
  password: Secret;
  /** Another text for another password, which it does not tell: Harbor shows nobody the one that it has. */
  passwordMark: string;
  /** Cron of six fields. */
  schedule: string;
}

/** Numbers of the roles: src/common/const.go of Harbor 2.15. */
const ROLES = { projectAdmin: 1, developer: 2, guest: 3, maintainer: 4, limitedGuest: 5 } as const;
export type Role = keyof typeof ROLES;

/** Name of the endpoint and of the policy that images are copied to another registry by. */
const COPY = "twisterlab-edge";

/** What of a found object is looked at. */
interface Found {
  projects: { name: string; project_id: number; metadata?: Record<string, string> }[];
  /** Of the wanted projects that are there. */
  members: Record<string, { id: number; entity_name: string; entity_type: string; role_id: number }[]>;
  retentions: Record<string, Retention>;
  robots: Robot[];
  /** Wanted robots that get in with the wanted password. */
  letIn: readonly string[];
  garbageCollection: { schedule?: { type?: string; cron?: string }; job_parameters?: string } | undefined;
  endpoints: Endpoint[];
  replications: Replication[];
}

export type FoundHarbor = Readonly<Found>;

interface Robot {
  id: number;
  name: string;
  level: string;
  disable?: boolean;
  duration?: number;
  description?: string;
  permissions?: Permission[];
}

interface Permission {
  kind: string;
  namespace: string;
  access: { resource: string; action: string; effect?: string }[];
}

interface Retention {
  id: number;
  algorithm?: string;
  rules?: object[];
  trigger?: { kind?: string; settings?: { cron?: string } };
}

interface Endpoint {
  id: number;
  name: string;
  url: string;
  type: string;
  insecure?: boolean;
  description?: string;
  credential?: { access_key?: string };
}

interface Replication {
  id: number;
  name: string;
  enabled?: boolean;
  override?: boolean;
  replicate_deletion?: boolean;
  dest_registry?: { id: number };
  trigger?: { type?: string; trigger_settings?: { cron?: string } };
}

/** One thing to change: in words for a reviewer, and as a request. */
export interface HarborStep {
  what: string;
  request: HarborRequest;
}

/** Reads what is there of what is wanted. Changes nothing. @throws Error when Harbor does not answer, or not as it should. */
export async function readHarbor(api: HarborApi, wanted: WantedHarbor): Promise<FoundHarbor> {
  const names = Object.keys(wanted.projects);
  const projects = (await api.list<Found["projects"][number]>("/projects")).filter(({ name }) => names.includes(name));
  const members: Found["members"] = {};
  const retentions: Found["retentions"] = {};
  for (const { name, metadata } of projects) {
    members[name] = await api.list(`/projects/${encodeURIComponent(name)}/members`);
    const retention = metadata?.["retention_id"];
    if (retention !== undefined) {
      const found = await api.send<Retention>({ method: "GET", path: `/retentions/${retention}` });
      if (found !== undefined) retentions[name] = found;
    }
  }
  const robots = await api.list<Robot>("/robots");
  const letIn: string[] = [];
  for (const { name, password } of wanted.robots) {
    if (robots.some((robot) => robot.name === name) && (await api.letsIn(name, password))) letIn.push(name);
  }
  const copies = wanted.replication !== undefined;
  return {
    projects,
    members,
    retentions,
    robots,
    letIn,
    garbageCollection: await api.send({ method: "GET", path: "/system/gc/schedule" }),
    endpoints: copies ? await api.list("/registries") : [],
    replications: copies ? await api.list("/replication/policies") : [],
  };
}

/**
 * What is to be changed so that what is there is as wanted. Nothing is ever removed. What belongs to something that is made first
 * (the members of a new project, the password of a new robot) is found by the next look.
 */
export function planHarbor(wanted: WantedHarbor, found: FoundHarbor): HarborStep[] {
  return [
    ...Object.entries(wanted.projects).flatMap(([name, project]) => projectSteps(name, project, wanted, found)),
    ...wanted.robots.flatMap((robot) => robotSteps(robot, wanted, found)),
    ...garbageCollectionSteps(wanted, found),
    ...(wanted.replication === undefined ? [] : replicationSteps(wanted.replication, found)),
  ];
}

function projectSteps(
  name: string,
  project: WantedProject,
  { retention }: WantedHarbor,
  { projects, members, retentions }: FoundHarbor,
): HarborStep[] {
  const called = `project ${name}`;
  const metadata = {
    public: String(project.public),
    auto_scan: String(project.scanOnPush),
    prevent_vul: String(project.preventFrom !== "none"),
    ...(project.preventFrom === "none" ? {} : { severity: project.preventFrom }),
  };
  const there = projects.find((each) => each.name === name);
  if (there === undefined) {
    const body = { project_name: name, metadata };
    return [{ what: `${called} is made`, request: { method: "POST", path: "/projects", body } }];
  }
  const path = `/projects/${encodeURIComponent(name)}`;
  const steps: HarborStep[] = [];
  const changes = Object.entries(metadata).filter(([key, value]) => there.metadata?.[key] !== value);
  if (changes.length > 0) {
    const said = changes.map(([key, value]) => `${key} ${there.metadata?.[key] ?? "unset"} -> ${value}`).join(", ");
    steps.push({ what: `${called}: ${said}`, request: { method: "PUT", path, body: { metadata } } });
  }
  for (const [user, role] of Object.entries(project.members)) {
    const member = members[name]?.find(({ entity_name, entity_type }) => entity_type === "u" && entity_name === user);
    const role_id = ROLES[role];
    if (member === undefined) {
      const body = { role_id, member_user: { username: user } };
      steps.push({
        what: `${called}: ${user} becomes ${role}`,
        request: { method: "POST", path: `${path}/members`, body },
      });
    } else if (member.role_id !== role_id) {
      steps.push({
        what: `${called}: ${user} becomes ${role}`,
        request: { method: "PUT", path: `${path}/members/${member.id}`, body: { role_id } },
      });
    }
  }
  return [...steps, ...retentionSteps(called, there.project_id, project.keep, retention, retentions[name])];
}

function retentionSteps(
  called: string,
  project: number,
  keep: number,
  cron: string,
  there: Retention | undefined,
): HarborStep[] {
  const everything = { kind: "doublestar", pattern: "**" };
  const policy = {
    algorithm: "or",
    scope: { level: "project", ref: project },
    trigger: { kind: "Schedule", settings: { cron } },
    rules: [
      {
        disabled: false,
        action: "retain",
        template: "latestPushedK",
        params: { latestPushedK: keep },
        tag_selectors: [{ ...everything, decoration: "matches", extras: '{"untagged":true}' }],
        scope_selectors: { repository: [{ ...everything, decoration: "repoMatches" }] },
      },
    ],
  };
  const what = `${called}: of each repository the ${keep} images pushed last stay, looked after at ${cron}`;
  if (there === undefined) {
    return [{ what, request: { method: "POST", path: "/retentions", body: policy } }];
  }
  const { algorithm, trigger, rules } = policy;
  const same =
    there.algorithm === algorithm &&
    there.trigger?.kind === trigger.kind &&
    there.trigger.settings?.cron === cron &&
    there.rules?.length === rules.length &&
    holds(there.rules, rules);
  return same
    ? []
    : [{ what, request: { method: "PUT", path: `/retentions/${there.id}`, body: { ...policy, id: there.id } } }];
}

function robotSteps(
  { name, may, password }: WantedRobot,
  { projects }: WantedHarbor,
  { robots, letIn }: FoundHarbor,
): HarborStep[] {
  const permissions = Object.keys(projects).map((namespace): Permission => ({
    kind: "project",
    namespace,
    access: may.map((action) => ({ resource: "repository", action })),
  }));
  const robot = { level: "system", duration: -1, disable: false, description: "kept by twisterlab-edge", permissions };
  const rights = `${may.join(" and ")} in ${Object.keys(projects).join(", ")}`;
  const there = robots.find((each) => each.name === name);
  if (there === undefined) {
    // Harbor puts its prefix before the name, and draws a password that nobody needs: the next look sets ours.
    const body = { ...robot, name: name.replace(/^robot\$/, "") };
    return [{ what: `robot ${name} is made: it may ${rights}`, request: { method: "POST", path: "/robots", body } }];
  }
  const same =
    there.disable !== true &&
    there.duration === -1 &&
    there.level === robot.level &&
    JSON.stringify(grants(there.permissions ?? [])) === JSON.stringify(grants(permissions));
  return [
    ...(same
      ? []
      : [
          {
            what: `robot ${name} may ${rights}, and nothing else`,
            request: { method: "PUT", path: `/robots/${there.id}`, body: { ...robot, id: there.id, name } } as const,
          },
        ]),
    ...(letIn.includes(name)
      ? []
      : [
          {
            what: `robot ${name} gets the password of the site file`,
            request: { method: "PATCH", path: `/robots/${there.id}`, body: { secret: password } } as const,
          },
        ]),
  ];
}

/** What permissions allow, each thing once, in one order. */
function grants(permissions: readonly Permission[]): string[] {
  const all = permissions.flatMap(({ kind, namespace, access }) =>
    access.map(({ resource, action, effect }) =>
      [kind, namespace, resource, action, effect === "deny" ? "deny" : "allow"].join(" "),
    ),
  );
  return [...new Set(all)].sort();
}

function garbageCollectionSteps(
  { garbageCollection: cron }: WantedHarbor,
  { garbageCollection: there }: FoundHarbor,
): HarborStep[] {
  const { schedule, job_parameters } = there ?? {};
  const parameters = { delete_untagged: false, dry_run: false, workers: 1 };
  const same =
    schedule?.type === "Custom" && schedule.cron === cron && holds(parsed(job_parameters), { delete_untagged: false });
  const body = { schedule: { type: "Custom", cron }, parameters };
  // There is one schedule; Harbor tells of none by an empty answer, or by one without a type.
  const method = (schedule?.type ?? "None") === "None" || schedule?.type === "" ? "POST" : "PUT";
  return same
    ? []
    : [
        {
          what: `what no image needs any more is cleared at ${cron} (before: ${schedule?.cron ?? "never"})`,
          request: { method, path: "/system/gc/schedule", body },
        },
      ];
}

function replicationSteps(wanted: WantedReplication, { endpoints, replications }: FoundHarbor): HarborStep[] {
  const description = `kept by twisterlab-edge (${wanted.passwordMark})`;
  const endpoint = { name: COPY, url: wanted.url, insecure: false, description };
  const there = endpoints.find(({ name }) => name === COPY);
  const called = `registry ${wanted.url}, as ${wanted.user}`;
  if (there === undefined) {
    const credential = { type: "basic", access_key: wanted.user, access_secret: wanted.password };
    const body = { ...endpoint, type: "docker-registry", credential };
    return [{ what: `${called} is made known`, request: { method: "POST", path: "/registries", body } }];
  }
  const steps: HarborStep[] = [];
  if (!holds(there, endpoint) || there.credential?.access_key !== wanted.user) {
    const credential = { credential_type: "basic", access_key: wanted.user, access_secret: wanted.password };
    const body = { ...endpoint, ...credential };
    steps.push({ what: `${called} is told again`, request: { method: "PUT", path: `/registries/${there.id}`, body } });
  }
  const policy = {
    name: COPY,
    enabled: true,
    override: true,
    // What goes here stays there.
    replicate_deletion: false,
    dest_registry: { id: there.id },
    trigger: { type: "scheduled", trigger_settings: { cron: wanted.schedule } },
  };
  const rule = replications.find(({ name }) => name === COPY);
  const what = `all images are copied to ${wanted.url} at ${wanted.schedule}`;
  if (rule === undefined) {
    steps.push({ what, request: { method: "POST", path: "/replication/policies", body: policy } });
  } else if (!holds(rule, policy)) {
    steps.push({
      what,
      request: { method: "PUT", path: `/replication/policies/${rule.id}`, body: { ...policy, id: rule.id } },
    });
  }
  return steps;
}

/** Whether all of `wanted` is in `there`, which may have more. */
function holds(there: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return there === wanted;
  if (typeof there !== "object" || there === null) return false;
  return Object.entries(wanted).every(([key, value]) => holds((there as Record<string, unknown>)[key], value));
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "{}");
  } catch {
    return undefined;
  }
}

/** Looks and changes, until nothing is left: a project is there before its members are. */
const MOST_LOOKS = 4;

/**
 * Configures Harbor as it is wanted. What is as wanted already is not written.
 * @returns what was done.
 * @throws Error when Harbor refuses something, with what was done before, or when it does not keep what it is told.
 */
export async function configureHarbor(api: HarborApi, wanted: WantedHarbor): Promise<string[]> {
  const done: string[] = [];
  for (let look = 0; look < MOST_LOOKS; look++) {
    const steps = planHarbor(wanted, await readHarbor(api, wanted));
    if (steps.length === 0) {
      return done;
    }
    for (const { what, request } of steps) {
      try {
        await api.send(request);
      } catch (error) {
        const before = done.length === 0 ? "nothing was changed before" : `done before: ${done.join("; ")}`;
        throw new Error(`${what}: ${(error as Error).message}. The rest waits for the next run; ${before}.`, {
          cause: error,
        });
      }
      done.push(what);
    }
  }
  const left = planHarbor(wanted, await readHarbor(api, wanted));
  if (left.length === 0) {
    return done;
  }
  throw new Error(`Harbor does not keep what it is told: ${left.map(({ what }) => what).join("; ")}`);
}
