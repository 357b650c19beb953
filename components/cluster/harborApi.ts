import { request } from "node:https";
import { Secret } from "../settings/values/secret.ts";

/** Where Harbor answers, and as whom it is asked. */
export interface HarborAccess {
  /** Host name that its certificate is for. */
  host: string;
  /** Address that it is reached at: whoever runs this may have no name server that knows the name. */
  address: string;
  /** Default: 443. */
  port?: number;
  /** Certificate of the authority that has signed its own, in PEM. */
  authority: string;
  user: string;
  password: Secret;
  /** Seconds for one answer. */
  timeout: number;
}

/** A request to Harbor's API 2.0, below /api/v2.0. Secrets in its body show themselves to Harbor alone. */
export interface HarborRequest {
  method: "GET" | "POST" | "PUT" | "PATCH";
  /** `/projects/twisterlab`, with what stands in a query. */
  path: string;
  body?: unknown;
}

/** An answer that is none of those wanted. */
export class HarborError extends Error {
  override readonly name = "HarborError";
  readonly status: number;

  constructor({ method, path }: HarborRequest, status: number, said: string) {
    const hint = HINTS[status] ?? (status >= 500 ? HINTS[500] : undefined);
    super(
      `Harbor answered ${method} ${path} with ${status}${said === "" ? "" : ` (${said})`}${hint === undefined ? "" : `: ${hint}`}`,
    );
    this.status = status;
  }
}

/** What a status means for whoever is to mend it. */
const HINTS: Readonly<Record<number, string>> = {
  400: "it does not accept what phase1.registry says",
  401: "the administrator has another password than secrets.harborAdminPassword, which counts at the first installation only: set it again in Harbor",
  403: "the administrator may not do this any more: give him his rights back",
  404: "what it is about is not there: a user has to log in once, or be made in Harbor, before he can be a member",
  409: "somebody else has made or changed it at the same moment: once more",
  412: "something that it needs is not there, or something else holds it",
  422: "it understands the request and cannot do it",
  500: "it has a fault of its own: kubectl -n harbor logs deploy/harbor-core",
};

/** Bytes of an answer that are read: a page of a hundred objects has some ten thousand. */
const LARGEST = 4 * 2 ** 20;

/** Harbor's API, over TLS that is verified by the site's own authority. */
export class HarborApi {
  readonly #access: HarborAccess;

  constructor(access: HarborAccess) {
    this.#access = access;
  }

  /**
   * Sends a request as the administrator.
   * @returns the answer; undefined for an empty one.
   * @throws HarborError for every status that is not 2xx, Error when there is no answer.
   */
  async send<T>(wanted: HarborRequest): Promise<T | undefined> {
    const { user, password } = this.#access;
    const { status, text } = await this.#ask({ ...wanted, path: `/api/v2.0${wanted.path}` }, user, password);
    if (status < 200 || status > 299) {
      throw new HarborError(wanted, status, messageOf(text));
    }
    return text.trim() === "" ? undefined : (JSON.parse(text) as T);
  }

  /** All of a list, page by page. */
  async list<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    for (let page = 1; ; page++) {
      const found = await this.send<T[]>({ method: "GET", path: `${path}?page=${page}&page_size=${PAGE}` });
      all.push(...(found ?? []));
      if ((found ?? []).length < PAGE) {
        return all;
      }
    }
  }

  /** Whether an account gets in with this password: asks for a token that gives no right to anything. */
  async letsIn(user: string, password: Secret): Promise<boolean> {
    const wanted: HarborRequest = { method: "GET", path: "/service/token?service=harbor-registry" };
    const { status, text } = await this.#ask(wanted, user, password);
    if (status !== 200 && status !== 401) {
      throw new HarborError(wanted, status, messageOf(text));
    }
    return status === 200;
  }

  #ask(
    { method, path, body }: HarborRequest,
    user: string,
    password: Secret,
  ): Promise<{ status: number; text: string }> {
    const { host, address, port = 443, authority, timeout } = this.#access;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(new Error(`Harbor at https://${host} (${address}:${port}) did not answer: ${error.message}`));
      };
      const asked = request(
        {
          host: address,
          port,
          servername: host,
          ca: authority,
          method,
          path,
          timeout: timeout * 1000,
          agent: false,
          headers: {
            host,
            accept: "application/json",
            authorization: `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString("base64")}`,
            // A project called 7 is not the seventh.
            "x-is-resource-name": "true",
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
            if (text.length > LARGEST) {
              response.destroy(new Error("its answer is longer than any should be"));
            }
          });
          response.on("error", fail);
          response.on("end", () => {
            resolve({ status: response.statusCode ?? 0, text });
          });
        },
      );
      asked.on("timeout", () => asked.destroy(new Error(`no answer within ${timeout} s`)));
      asked.on("error", fail);
      asked.end(body === undefined ? undefined : JSON.stringify(body, revealed));
    });
  }
}

/** Most that Harbor puts on a page. */
const PAGE = 100;

/** For JSON.stringify: a secret as its text, which it shows nobody by itself. */
function revealed(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[key];
  return held instanceof Secret ? held.reveal() : value;
}

/** What Harbor says of an error, in one line; it repeats names and no secrets. */
function messageOf(text: string): string {
  try {
    const { errors = [] } = JSON.parse(text) as { errors?: { message?: string }[] };
    return errors.map(({ message = "" }) => message.split("\n")[0] ?? "").join("; ");
  } catch {
    return "";
  }
}
