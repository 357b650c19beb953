import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAuthority } from "../../../components/certificateAuthority.ts";
import { HarborApi, HarborError, type HarborRequest } from "../../../components/cluster/harborApi.ts";
import {
  awaitHarbor,
  configurationRevision,
  HarborConfiguration,
  lookAtHarbor,
} from "../../../components/cluster/harborConfiguration.ts";
import {
  configureHarbor,
  type WantedHarbor,
  type WantedReplication,
  type WantedRobot,
} from "../../../components/cluster/harborPlan.ts";
import { Secret } from "../../../components/settings/values/secret.ts";
import { startHarborServer, type HarborServer } from "../../support/harborServer.ts";
import { record } from "../../support/mocks.ts";

const PULL = "A-pull-passw0rd";
const PUSH = "A-push-passw0rd";
const COPY = "somebodys-own";

const ROBOT: WantedRobot = { name: "robot$k3s", may: ["pull"], password: new Secret(PULL) };

const REPLICATION: WantedReplication = {
  url: "https://registry.example.org",
  user: "edge",
  password: new Secret(COPY),
  passwordMark: "1234",
  schedule: "0 0 5 * * *",
};

function wantedHarbor(change: Partial<WantedHarbor> = {}): WantedHarbor {
  const project = { public: false, scanOnPush: true, preventFrom: "critical", keep: 20, members: {} } as const;
  return {
    projects: { twisterlab: { ...project, members: { alice: "developer" } }, "7": { ...project, preventFrom: "none" } },
    retention: "0 0 1 * * 0",
    garbageCollection: "0 0 3 * * 0",
    robots: [ROBOT, { name: "robot$ci", may: ["pull", "push"], password: new Secret(PUSH) }],
    replication: REPLICATION,
    ...change,
  };
}

let harbor: HarborServer;
beforeEach(async () => {
  harbor = await startHarborServer();
});
afterEach(() => {
  harbor.stop();
});

const access = (change: object = {}) => ({
  host: harbor.host,
  address: "127.0.0.1",
  port: harbor.port,
  authority: harbor.authority,
  user: "admin",
  password: new Secret(harbor.password),
  timeout: 10,
  ...change,
});
const api = (change: object = {}) => new HarborApi(access(change));
const configure = (wanted = wantedHarbor()) => configureHarbor(api(), wanted);

/** Writes that a run has made; the list is empty afterwards. */
function written(): string[] {
  return harbor.writes.splice(0);
}

describe("a first run", () => {
  test("makes everything that is wanted, by requests that the API has, and touches nothing else", async () => {
    const done = await configure();
    expect(harbor.wrong).toEqual([]);
    const { projects, members, robots, passwords, garbageCollection, registries, policies } = harbor.state;
    expect(projects).toMatchObject([
      { name: "library", metadata: { public: "true" } },
      { name: "7", metadata: { public: "false", auto_scan: "true", prevent_vul: "false" } },
      {
        name: "twisterlab",
        metadata: { public: "false", auto_scan: "true", prevent_vul: "true", severity: "critical" },
      },
    ]);
    expect(projects[0]?.metadata).toEqual({ public: "true" });
    expect(members["twisterlab"]).toMatchObject([{ entity_name: "alice", role_id: 2 }]);
    expect(Object.keys(harbor.state.retentions)).toHaveLength(2);
    expect(robots.map(({ name, permissions }) => [name, JSON.stringify(permissions).includes("push")])).toEqual([
      ["robot$k3s", false],
      ["robot$ci", true],
    ]);
    expect(passwords).toEqual({ robot$k3s: PULL, robot$ci: PUSH });
    expect(garbageCollection).toMatchObject({ schedule: { type: "Custom", cron: "0 0 3 * * 0" } });
    expect(registries).toMatchObject([{ url: "https://registry.example.org", credential: { access_secret: COPY } }]);
    expect(policies).toMatchObject([{ enabled: true, dest_registry: { id: 1 } }]);
    for (const secret of [PULL, PUSH, COPY]) expect(done.join("\n")).not.toContain(secret);
  });

  test("is done by one look more than the last thing needs, and the second run writes nothing", async () => {
    await configure();
    expect(written().length).toBeGreaterThan(10);
    expect(await configure()).toEqual([]);
    expect(written()).toEqual([]);
    expect(await lookAtHarbor({ access: access(), wanted: wantedHarbor() })).toEqual({ changes: [] });
    expect(harbor.wrong).toEqual([]);
  });

  test("finds what is on a later page", async () => {
    for (let number = 0; number < 205; number++) {
      harbor.state.projects.push({ name: `other-${number}`, project_id: 1000 + number, metadata: {} });
    }
    await configure();
    written();
    expect(await configure()).toEqual([]);
  });

  test("makes no copy where none is wanted", async () => {
    const { projects, retention, garbageCollection, robots } = wantedHarbor();
    await configureHarbor(api(), { projects, retention, garbageCollection, robots });
    expect(harbor.asked.some(({ what }) => /registries|replication/.test(what))).toBe(false);
  });
});

describe("what somebody changed by hand", () => {
  const drifts: [string, () => void, string[]][] = [
    [
      "a project that gives out vulnerable images",
      () => {
        Object.assign(harbor.state.projects[2]?.metadata ?? {}, { prevent_vul: "false", public: "true" });
      },
      ["PUT /projects/twisterlab"],
    ],
    [
      "another role",
      () => Object.assign(harbor.state.members["twisterlab"]?.[0] ?? {}, { role_id: 1 }),
      ["PUT /projects/twisterlab/members/1"],
    ],
    ["a member who is gone", () => (harbor.state.members["twisterlab"] = []), ["POST /projects/twisterlab/members"]],
    [
      "another retention",
      () => Object.assign(harbor.state.retentions[1] ?? {}, { trigger: { kind: "Schedule", settings: { cron: "" } } }),
      ["PUT /retentions/1"],
    ],
    ["a second rule of it", () => (harbor.state.retentions[2]?.["rules"] as object[]).push({}), ["PUT /retentions/2"]],
    ["a robot that is off", () => Object.assign(harbor.state.robots[0] ?? {}, { disable: true }), ["PUT /robots/1"]],
    [
      "a robot that may do more",
      () =>
        (harbor.state.robots[0]?.["permissions"] as { access: object[] }[])[0]?.access.push({
          resource: "repository",
          action: "push",
        }),
      ["PUT /robots/1"],
    ],
    ["a robot with another password", () => (harbor.state.passwords["robot$ci"] = "0ther-one"), ["PATCH /robots/2"]],
    ["a robot that is gone", () => harbor.state.robots.splice(1), ["POST /robots", "PATCH /robots/2"]],
    ["no garbage collection", () => (harbor.state.garbageCollection = undefined), ["POST /system/gc/schedule"]],
    [
      "one that takes untagged images along",
      () => Object.assign(harbor.state.garbageCollection ?? {}, { job_parameters: '{"delete_untagged":true}' }),
      ["PUT /system/gc/schedule"],
    ],
    [
      "a copy that does not verify whom it talks to",
      () => Object.assign(harbor.state.registries[0] ?? {}, { insecure: true }),
      ["PUT /registries/1"],
    ],
    [
      "a copy that is off",
      () => Object.assign(harbor.state.policies[0] ?? {}, { enabled: false }),
      ["PUT /replication/policies/1"],
    ],
  ];

  test.each(drifts)("%s is told by a preview and mended, and nothing else is written", async (_, change, writes) => {
    await configure();
    written();
    change();
    const look = await lookAtHarbor({ access: access(), wanted: wantedHarbor() });
    expect("changes" in look && look.changes).toHaveLength(1);
    expect(written()).toEqual([]);
    await configure();
    expect(written()).toEqual(writes);
    expect(await configure()).toEqual([]);
    expect(harbor.wrong).toEqual([]);
  });

  test("another password for the copy is told again, which Harbor itself would not show", async () => {
    await configure();
    written();
    await configure(
      wantedHarbor({
        replication: {
          ...REPLICATION,
          password: new Secret("new"),
          passwordMark: "5678",
        },
      }),
    );
    expect(written()).toEqual(["PUT /registries/1"]);
    expect(harbor.state.registries[0]).toMatchObject({ credential: { access_secret: "new" } });
  });
});

describe("an answer that is none", () => {
  test.each([
    [400, "it does not accept what phase1.registry says"],
    [401, "another password than secrets.harborAdminPassword"],
    [403, "may not do this any more"],
    [404, "is not there"],
    [409, "at the same moment"],
    [412, "something that it needs"],
    [422, "cannot do it"],
    [500, "kubectl -n harbor logs deploy/harbor-core"],
    [503, "kubectl -n harbor logs deploy/harbor-core"],
  ])("%i to a change says what was to be done, what Harbor said, and the way out", async (status, hint) => {
    harbor.instead = (what) => (what === "POST /robots" ? status : undefined);
    const failed = configure();
    await expect(failed).rejects.toThrow(`Harbor answered POST /robots with ${status} (forced ${status}): `);
    await expect(failed).rejects.toThrow(hint);
    await expect(failed).rejects.toThrow(
      /^robot robot\$k3s is made: it may pull in 7, twisterlab: .*The rest waits for the next run; done before: project 7 is made; project twisterlab is made\.$/,
    );
    expect(await failed.catch((error: unknown) => (error as Error).cause)).toBeInstanceOf(HarborError);
    // What was begun is finished by the next one.
    harbor.instead = () => undefined;
    await configure();
    expect(await configure()).toEqual([]);
  });

  test.each([401, 403, 500])("%i to a look is why a preview is blind", async (status) => {
    harbor.instead = (what) => (what === "GET /robots" ? status : undefined);
    const look = await lookAtHarbor({ access: access(), wanted: wantedHarbor() });
    expect(look).toEqual({
      blind: expect.stringContaining(`GET /robots?page=1&page_size=100 with ${status}`) as string,
    });
  });

  test("a robot's login that fails by another reason is no wrong password", async () => {
    await configure();
    harbor.instead = (what) => (what === "GET /service/token" ? 500 : undefined);
    await expect(configure()).rejects.toThrow("/service/token?service=harbor-registry with 500");
  });

  test("a member who is no user of Harbor is one sentence", async () => {
    harbor.state.users = [];
    await expect(configure()).rejects.toThrow(
      /twisterlab: alice becomes developer: .* 404 .*a user has to log in once/,
    );
  });

  test("what Harbor does not keep is told, after a few tries", async () => {
    await configure();
    Object.assign(harbor.state.projects[2]?.metadata ?? {}, { public: "true" });
    harbor.instead = (what) => (what.startsWith("PUT /projects") ? 200 : undefined);
    await expect(configure()).rejects.toThrow(
      "Harbor does not keep what it is told: project twisterlab: public true -> false",
    );
  });

  test("nobody who answers, or somebody else, is why a preview is blind", async () => {
    const look = async (change: object) => {
      const found = await lookAtHarbor({ access: access(change), wanted: wantedHarbor() });
      return "blind" in found ? found.blind : "";
    };
    expect(await look({ port: 1 })).toMatch(
      /^Harbor at https:\/\/harbor\.twisterlab\.local \(127\.0\.0\.1:1\) did not answer: .*ECONNREFUSED/,
    );
    const other = await createAuthority("twisterlab.local");
    expect(await look({ authority: other.certificate })).toMatch(/did not answer: .*(certificate|signature)/);
    expect(await look({ host: "other.twisterlab.local" })).toMatch(/did not answer: .*altnames/);
    expect(await look({ password: new Secret("wrong") })).toContain("with 401");
  });
});

describe("the stand-in refuses what the API does not have", () => {
  const robot = {
    name: "a",
    level: "system",
    duration: -1,
    permissions: [{ kind: "project", namespace: "a", access: [{ resource: "repository", action: "pull" }] }],
  };
  test.each<[string, HarborRequest]>([
    [
      "a cron of five fields",
      { method: "POST", path: "/system/gc/schedule", body: { schedule: { type: "Custom", cron: "0 3 * * 0" } } },
    ],
    [
      "one that begins with another second",
      { method: "POST", path: "/system/gc/schedule", body: { schedule: { type: "Custom", cron: "5 0 3 * * 0" } } },
    ],
    [
      "a flag that is no text",
      { method: "POST", path: "/projects", body: { project_name: "a", metadata: { public: false } } },
    ],
    [
      "an unknown severity",
      { method: "POST", path: "/projects", body: { project_name: "a", metadata: { severity: "severe" } } },
    ],
    ["a name with capitals", { method: "POST", path: "/projects", body: { project_name: "A", metadata: {} } }],
    [
      "a field that nobody reads",
      { method: "POST", path: "/projects", body: { project_name: "a", metadata: {}, scan: true } },
    ],
    ["a robot without rights", { method: "POST", path: "/robots", body: { ...robot, permissions: [] } }],
    ["a robot for no time", { method: "POST", path: "/robots", body: { ...robot, duration: 0 } }],
    ["a robot with its prefix", { method: "POST", path: "/robots", body: { ...robot, name: "robot$a" } }],
    ["a password without a digit", { method: "PATCH", path: "/robots/1", body: { secret: "Passwordpassword" } }],
    [
      "a role by its name",
      {
        method: "POST",
        path: "/projects/library/members",
        body: { role_id: "developer", member_user: { username: "alice" } },
      },
    ],
    [
      "a retention without a project",
      {
        method: "POST",
        path: "/retentions",
        body: {
          algorithm: "or",
          scope: { level: "project", ref: 0 },
          trigger: { kind: "Schedule", settings: { cron: "0 0 1 * * 0" } },
          rules: [],
        },
      },
    ],
    [
      "a registry without an account",
      { method: "POST", path: "/registries", body: { name: "a", url: "https://a", type: "docker-registry" } },
    ],
    ["a query that is not known", { method: "GET", path: "/projects?pagesize=100" }],
    ["no body where one is read", { method: "POST", path: "/projects" }],
    ["another path", { method: "GET", path: "/project" }],
  ])("%s", async (_, wanted) => {
    await expect(api().send(wanted)).rejects.toBeInstanceOf(HarborError);
    expect(harbor.wrong).toHaveLength(1);
    expect(harbor.writes).toEqual([]);
  });
});

describe("waiting for Harbor", () => {
  test("ends when all of it is well", async () => {
    await awaitHarbor(api(), 5);
  });

  test("says which parts are not, when that takes too long", async () => {
    harbor.state.health = {
      status: "unhealthy",
      components: [
        { name: "core", status: "healthy" },
        { name: "database", status: "unhealthy", error: "no connection" },
      ],
    };
    await expect(awaitHarbor(api(), -1)).rejects.toThrow(/not up after -1 s .*: not healthy: database no connection$/);
  });

  test("says why it was not answered", async () => {
    await expect(awaitHarbor(api({ port: 1 }), -1)).rejects.toThrow(/not up after -1 s .*ECONNREFUSED/);
  });
});

describe("on the cluster", () => {
  const declared = async (wanted: WantedHarbor | undefined, revision = 1) => {
    const { resources } = await record({}, () => {
      const target = wanted === undefined ? undefined : { access: access(), wanted };
      return new HarborConfiguration("harbor-configuration", { namespace: "harbor", target, revision });
    });
    return resources.find(({ type }) => type.endsWith(":ConfigMap"))?.inputs["data"] as Record<string, string>;
  };

  test("it is written down without a secret, and differs when one does", async () => {
    const data = await declared(wantedHarbor());
    expect(data["configuration.json"]).toContain('"password": "[secret]"');
    for (const secret of [PULL, PUSH, COPY, harbor.password]) expect(JSON.stringify(data)).not.toContain(secret);
    const other = await declared(wantedHarbor({ robots: [{ ...ROBOT, password: new Secret("An0ther-one") }] }));
    expect(other["digest"]).not.toBe(data["digest"]);
    expect((await declared(wantedHarbor(), 2))["revision"]).toBe("2");
  });

  test("without its secrets there is only its place", async () => {
    expect(await declared(undefined)).toEqual({ "configuration.json": "", digest: "", revision: "1" });
  });

  test("its number goes up when Harbor differs, and stays when that is not known", () => {
    expect(configurationRevision(undefined, { blind: "not there yet" })).toBe(1);
    expect(configurationRevision(3, { changes: [] })).toBe(3);
    expect(configurationRevision(3, { blind: "no answer" })).toBe(3);
    expect(configurationRevision(3, { changes: ["a robot"] })).toBe(4);
  });
});
