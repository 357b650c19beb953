import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { createAuthority, createServerKey, serverCertificate } from "../../components/certificateAuthority.ts";

type Json = Record<string, unknown>;

/** A request as it came: `PUT /projects/a`, and what was in it. */
export interface Asked {
  what: string;
  body?: Json;
}

/**
 * A server that answers as Harbor's API does, as far as this program asks. Every request is held against
 * `harborOpenApi.yaml`; one that is not as that says is answered with 400, and kept in `wrong`.
 */
export interface HarborServer {
  readonly port: number;
  /** Certificate of the authority that has signed its own. */
  readonly authority: string;
  /** Name that its certificate is for. */
  readonly host: string;
  /** Password of `admin`. */
  readonly password: string;
  /** What is in it; tests change it as somebody would by hand. */
  readonly state: {
    projects: { name: string; project_id: number; metadata: Record<string, string> }[];
    members: Record<string, Json[]>;
    /** Users that may become members. */
    users: string[];
    robots: (Json & { id: number; name: string })[];
    /** Passwords by the robots' names. */
    passwords: Record<string, string>;
    retentions: Record<string, Json>;
    garbageCollection: Json | undefined;
    registries: (Json & { id: number })[];
    policies: (Json & { id: number })[];
    health: Json;
  };
  readonly asked: Asked[];
  /** Those of them that change something. */
  readonly writes: string[];
  /** Requests that are not as the API has them, with what is wrong. */
  readonly wrong: string[];
  /** Exit from the usual: a status for a request. */
  instead: (what: string) => number | undefined;
  stop(): void;
}

interface Operation {
  query?: string[];
  statuses: number[];
  body?: object;
}

interface Route extends Operation {
  pattern: RegExp;
  name: string;
  validate: ValidateFunction | undefined;
}

const HOST = "harbor.twisterlab.local";

/** One for all servers: keys take their time. */
let identity: ReturnType<typeof makeIdentity> | undefined;

async function makeIdentity() {
  const authority = await createAuthority("twisterlab.local");
  const key = createServerKey();
  return { authority, key, ...(await serverCertificate(authority, HOST, key)) };
}

export async function startHarborServer(): Promise<HarborServer> {
  const routes = readRoutes();
  identity ??= makeIdentity();
  const { authority, key, certificate } = await identity;
  const asked: Asked[] = [];
  const writes: string[] = [];
  const wrong: string[] = [];

  const server = createServer({ key, cert: certificate }, (request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body === undefined ? "" : JSON.stringify(body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const refused = (status: number, message: string) => ({
    status,
    body: { errors: [{ code: String(status), message }] },
  });

  async function answer(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const { pathname, searchParams } = new URL(request.url ?? "", `https://${HOST}`);
    const [user = "", password = ""] = Buffer.from((request.headers.authorization ?? "").slice(6), "base64")
      .toString()
      .split(/:(.*)/s);
    if (pathname === "/service/token") {
      const forced = harbor.instead("GET /service/token");
      return { status: forced ?? (harbor.state.passwords[user] === password ? 200 : 401) };
    }
    const what = `${request.method ?? ""} ${pathname.replace("/api/v2.0", "")}`;
    const sent = await text(request);
    const body = sent === "" ? undefined : (JSON.parse(sent) as Json);
    asked.push({ what, ...(body === undefined ? {} : { body }) });
    const route = routes.find(({ pattern }) => pattern.test(what));
    if (route === undefined) {
      wrong.push(`${what} is not in the API`);
      return refused(404, "no such path");
    }
    const strange = [...searchParams.keys()].filter((name) => !(route.query ?? []).includes(name));
    const fault =
      strange.length > 0
        ? `query ${strange.join(", ")}`
        : route.validate === undefined
          ? body && "a body"
          : route.validate(body)
            ? undefined
            : JSON.stringify(
                route.validate.errors?.map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`),
              );
    if (fault !== undefined) {
      wrong.push(`${what}: ${fault}`);
      return refused(400, fault);
    }
    const forced = harbor.instead(what);
    if (forced !== undefined) {
      return refused(forced, `forced ${forced}`);
    }
    if (user !== "admin" || password !== harbor.password) {
      return refused(401, "unauthorized");
    }
    if (request.method !== "GET") {
      writes.push(what);
    }
    const given = carryOut(harbor, route.name, what, body ?? {}, Number(searchParams.get("page") ?? 1));
    if (!route.statuses.includes(given.status)) {
      throw new Error(`the stand-in answers ${what} with ${given.status}, which the API does not`);
    }
    return given;
  }

  const harbor: HarborServer = {
    port: (server.address() as AddressInfo).port,
    authority: authority.certificate,
    host: HOST,
    password: "The-administrators-0ne",
    state: {
      projects: [{ name: "library", project_id: 1, metadata: { public: "true" } }],
      members: {},
      users: ["alice"],
      robots: [],
      passwords: {},
      retentions: {},
      garbageCollection: undefined,
      registries: [],
      policies: [],
      health: { status: "healthy", components: [] },
    },
    asked,
    writes,
    wrong,
    instead: () => undefined,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return harbor;
}

function readRoutes(): Route[] {
  const file = new URL("harborOpenApi.yaml", import.meta.url);
  const { paths } = parse(readFileSync(file, "utf8"), { merge: true, maxAliasCount: -1 }) as {
    paths: Record<string, Operation>;
  };
  const ajv = new Ajv({ allErrors: true, strict: false });
  return Object.entries(paths).map(([name, operation]) => ({
    ...operation,
    name,
    pattern: new RegExp(`^${name.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
    validate: operation.body === undefined ? undefined : ajv.compile(operation.body),
  }));
}

/** What Harbor does, by its handlers (src/server/v2.0/handler of v2.15.2). */
function carryOut(
  { state }: HarborServer,
  route: string,
  what: string,
  body: Json,
  page: number,
): { status: number; body?: unknown } {
  const [, , first = "", , last = ""] = what.split(/[ /]/);
  const id = Number(what.split("/").at(-1));
  const found = (value: unknown) => ({ status: 200, body: value });
  const pageOf = (list: readonly unknown[]) => found(list.slice((page - 1) * 100, page * 100));
  const project = state.projects.find(({ name }) => what.split("/")[2] === name);
  const robot = state.robots.find((each) => each.id === id);
  const no = (status: number) => ({ status, body: { errors: [{ message: `${first} ${last}` }] } });
  const nextId = (list: readonly { id: number }[]) => Math.max(0, ...list.map((each) => each.id)) + 1;

  switch (route) {
    case "GET /health":
      return found(state.health);
    case "GET /projects":
      return pageOf(state.projects);
    case "POST /projects": {
      const name = String(body["project_name"]);
      if (state.projects.some((each) => each.name === name)) return no(409);
      const metadata = body["metadata"] as Record<string, string>;
      state.projects.push({ name, project_id: state.projects.length + 1, metadata });
      return { status: 201 };
    }
    case "PUT /projects/{name}":
      if (project === undefined) return no(404);
      Object.assign(project.metadata, body["metadata"]);
      return { status: 200 };
    case "GET /projects/{name}/members":
      return project === undefined
        ? no(404)
        : pageOf([
            { id: 900, entity_name: "admin", entity_type: "u", role_id: 1 },
            ...(state.members[project.name] ?? []),
          ]);
    case "POST /projects/{name}/members": {
      const { username } = body["member_user"] as { username: string };
      if (project === undefined || !state.users.includes(username)) return no(404);
      const members = (state.members[project.name] ??= []);
      if (members.some((member) => member["entity_name"] === username)) return no(409);
      members.push({ id: members.length + 1, entity_name: username, entity_type: "u", role_id: body["role_id"] });
      return { status: 201 };
    }
    case "PUT /projects/{name}/members/{id}": {
      const member = state.members[project?.name ?? ""]?.find((each) => each["id"] === id);
      if (member === undefined) return no(404);
      member["role_id"] = body["role_id"];
      return { status: 200 };
    }
    case "GET /robots":
      return pageOf(state.robots);
    case "POST /robots": {
      const name = `robot$${String(body["name"])}`;
      const made = { editable: true, disable: false, ...body, id: nextId(state.robots), name };
      state.robots.push(made);
      state.passwords[name] = "Drawn-by-Harb0r";
      return { status: 201, body: { id: made.id, name, secret: state.passwords[name] } };
    }
    case "PUT /robots/{id}":
      if (robot === undefined) return no(404);
      if (body["name"] !== robot.name || body["level"] !== robot["level"]) return no(400);
      Object.assign(robot, body);
      return { status: 200 };
    case "PATCH /robots/{id}":
      if (robot === undefined) return no(404);
      state.passwords[robot.name] = String(body["secret"]);
      return found({});
    case "GET /retentions/{id}":
      return state.retentions[id] === undefined ? no(500) : found(state.retentions[id]);
    case "POST /retentions": {
      const { ref } = body["scope"] as { ref: number };
      const of = state.projects.find(({ project_id }) => project_id === ref);
      if (of === undefined || of.metadata["retention_id"] !== undefined) return no(400);
      const number = Object.keys(state.retentions).length + 1;
      state.retentions[number] = { ...body, id: number };
      of.metadata["retention_id"] = String(number);
      return { status: 201 };
    }
    case "PUT /retentions/{id}":
      state.retentions[id] = body;
      return { status: 200 };
    case "GET /system/gc/schedule":
      return state.garbageCollection === undefined ? { status: 200 } : found(state.garbageCollection);
    case "POST /system/gc/schedule":
    case "PUT /system/gc/schedule":
      if (route.startsWith("POST") && state.garbageCollection !== undefined) return no(409);
      state.garbageCollection = { schedule: body["schedule"], job_parameters: JSON.stringify(body["parameters"]) };
      return { status: route.startsWith("POST") ? 201 : 200 };
    case "GET /registries":
      return pageOf(state.registries);
    case "POST /registries":
      state.registries.push({ ...body, id: nextId(state.registries) });
      return { status: 201 };
    case "PUT /registries/{id}": {
      const registry = state.registries.find((each) => each.id === id);
      if (registry === undefined) return no(404);
      const { access_key, access_secret, credential_type, ...rest } = body;
      Object.assign(registry, rest, { credential: { type: credential_type, access_key, access_secret } });
      return { status: 200 };
    }
    case "GET /replication/policies":
      return pageOf(state.policies);
    case "POST /replication/policies":
      state.policies.push({ ...body, id: nextId(state.policies) });
      return { status: 201 };
    case "PUT /replication/policies/{id}": {
      const policy = state.policies.find((each) => each.id === id);
      if (policy === undefined) return no(404);
      Object.assign(policy, body);
      return { status: 200 };
    }
    default:
      throw new Error(`the stand-in does not know ${route}`);
  }
}
