import type { KubernetesObjectApi } from "@kubernetes/client-node";

/** The cluster's API as the program itself asks it, beside the provider. */
export class ClusterApi {
  readonly #kubeconfigFile: string;
  readonly #timeout: number;
  #opened: Promise<KubernetesObjectApi> | undefined;

  /** @param timeout seconds that one answer may take. */
  constructor(kubeconfigFile: string, timeout: number) {
    this.#kubeconfigFile = kubeconfigFile;
    this.#timeout = timeout;
  }

  /** The client; loaded when it is first needed: a preview that cannot ask does not pay for it. */
  open(): Promise<KubernetesObjectApi> {
    this.#opened ??= open(this.#kubeconfigFile);
    return this.#opened;
  }

  /** @throws Error when that takes longer than the cluster is given. */
  async inTime<T>(answer: Promise<T>): Promise<T> {
    const timeout = this.#timeout;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${timeout} s`));
      }, timeout * 1000);
    });
    return Promise.race([answer, late]).finally(() => {
      clearTimeout(timer);
    });
  }
}

/** One line: the client's own words have the whole answer in them. */
export function reasonOf(error: unknown): string {
  const { message = String(error), cause } = error as Partial<Error>;
  const status = /"message":"((?:[^"\\]|\\.)*)"/.exec(message)?.[1];
  const origin = cause instanceof Error ? cause.message : undefined;
  return status ?? [message.split("\n")[0], origin].filter(Boolean).join(": ");
}

async function open(kubeconfigFile: string): Promise<KubernetesObjectApi> {
  const { KubeConfig, KubernetesObjectApi } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigFile);
  return KubernetesObjectApi.makeApiClient(config);
}
