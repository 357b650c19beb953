import { createHash } from "node:crypto";
import { createReadStream, cpSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debianMirror } from "../support/debian.ts";
import { run } from "../support/run.ts";

/** An image of the test cluster: no registry is asked, and what is in it comes from Debian. */
interface TestImage {
  /** As a manifest names it, in full. */
  names: readonly string[];
  entrypoint: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** Folder with files of ours, which are put into /usr/local/bin. */
  files?: string;
}

const POSTGRES = "/usr/lib/postgresql/15/bin";
const PATH = `/usr/local/sbin:/usr/local/bin:${POSTGRES}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** Users as the official images have them. */
const USERS = [
  "root:x:0:0::/root:/bin/sh",
  "postgres:x:70:70::/var/lib/postgresql:/bin/sh",
  "redis:x:999:1000::/data:/bin/sh",
];
const GROUPS = ["root:x:0:", "postgres:x:70:", "redis:x:1000:"];

const IMAGES: readonly TestImage[] = [
  { names: ["registry.k8s.io/pause:3.10"], entrypoint: ["/bin/busybox", "sleep", "2147483647"] },
  {
    names: ["docker.io/rancher/mirrored-library-busybox:1.36.1", "docker.io/library/busybox:1.36.1"],
    entrypoint: ["sh"],
  },
  {
    names: ["docker.io/library/postgres:16-alpine"],
    entrypoint: ["docker-entrypoint.sh"],
    files: "postgres",
    environment: { PGDATA: "/var/lib/postgresql/data" },
  },
  { names: ["docker.io/library/redis:7-alpine"], entrypoint: ["redis-server"] },
  { names: ["docker.io/library/python:3.13-alpine"], entrypoint: ["python3"] },
  {
    names: ["docker.io/twisterlab/mcp-unified:dev", "docker.io/twisterlab/mcp-unified:2026-02-08"],
    entrypoint: ["python3", "/usr/local/bin/server.py"],
    files: "mcp",
  },
];

const PACKAGES = [
  // For flock, which Debian's BusyBox has not, and Alpine's has.
  "util-linux",
  ...["busybox-static", "postgresql-15", "redis-server", "redis-tools"],
  ...["python3-minimal", "libpython3.11-stdlib", "tzdata", "ca-certificates"],
];

/** What PostgreSQL compiles queries with, manuals, Perl: most of the size, and not used. */
const LEFT_OUT = [
  "/usr/lib/*/libLLVM*",
  "/usr/lib/*/libclang*",
  "/usr/lib/*/perl*",
  "/usr/share/perl*",
  "/usr/lib/*/libz3*",
]
  .concat(["man", "locale", "doc", "info", "postgresql/15/man"].map((name) => `/usr/share/${name}/*`))
  .concat(["/usr/lib/python3/dist-packages/*", "/usr/lib/systemd/*", "/lib/systemd/*"]);

/** Writes all images as `images.tar`, in the layout of the Open Container Initiative, which `ctr images import` reads. */
export async function buildImages(target: string, detail: (text: string) => void): Promise<void> {
  const folder = join(target, "images");
  const layout = join(folder, "layout");
  const blobs = join(layout, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });

  const base = await baseLayer(folder, blobs, detail);
  const manifests = [];
  for (const { names, entrypoint, environment = {}, files } of IMAGES) {
    const layers = files === undefined ? [base] : [base, await filesLayer(files, folder, blobs)];
    const config = blob(blobs, {
      architecture: "amd64",
      os: "linux",
      config: {
        Entrypoint: entrypoint,
        Env: Object.entries({ PATH, ...environment }).map(([name, value]) => `${name}=${value}`),
      },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    });
    const manifest = blob(blobs, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: layers.map((layer) => ({ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer })),
    });
    manifests.push(
      ...names.map((name) => ({
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        ...manifest,
        annotations: { "io.containerd.image.name": name },
      })),
    );
  }
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await run("tar", ["--create", "--file", join(target, "images.tar"), "--directory", layout, "."]);
  rmSync(folder, { recursive: true });
}

interface Blob {
  digest: string;
  size: number;
}

async function baseLayer(folder: string, blobs: string, detail: (text: string) => void): Promise<Blob> {
  const mirror = await debianMirror();
  const archive = join(folder, "base.tar");
  const lines = (name: string, content: readonly string[]): string =>
    `--extract-hook=printf '%s\\n' ${content.map((line) => `'${line}'`).join(" ")} > "$1/etc/${name}"`;
  const args = [
    // Unpacked, not installed: nothing in it is started by Debian's own scripts.
    ...["--mode=root", "--variant=extract", "--architectures=amd64", "--aptopt=Apt::Install-Recommends false"],
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--include=${PACKAGES.join(",")}`,
    // Its commands are those of the Alpine images.
    '--extract-hook=mkdir -p "$1/usr/local/bin" "$1/data" "$1/var/lib/postgresql/data" "$1/tmp" "$1/proc" "$1/sys" "$1/dev"',
    '--extract-hook=chroot "$1" /bin/busybox --install -s /usr/local/bin && ln -sf busybox "$1/bin/sh"',
    '--extract-hook=chmod 1777 "$1/tmp" "$1/data" "$1/var/lib/postgresql/data" && ln -sf python3.11 "$1/usr/bin/python3"',
    lines("passwd", USERS),
    lines("group", GROUPS),
    ...["bookworm", archive, `deb ${mirror} bookworm main`],
  ];
  await run("unshare", ["--mount", "--pid", "--fork", "--kill-child", "mmdebstrap", ...args], {
    detail: (line) => {
      detail(line.replace(/^I: /, ""));
    },
  });
  return keep(archive, blobs);
}

async function filesLayer(name: string, folder: string, blobs: string): Promise<Blob> {
  const root = join(folder, `files-${name}`);
  const target = join(root, "usr/local/bin");
  mkdirSync(target, { recursive: true });
  cpSync(join(import.meta.dirname, "images", name), target, { recursive: true });
  const archive = join(folder, `${name}.tar`);
  const plain = ["--owner=0", "--group=0", "--mode=a+rx", "--sort=name"];
  await run("tar", ["--create", ...plain, "--file", archive, "--directory", root, "usr"]);
  rmSync(root, { recursive: true });
  return keep(archive, blobs);
}

async function keep(file: string, blobs: string): Promise<Blob> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk as Buffer);
  }
  const hex = hash.digest("hex");
  const { size } = statSync(file);
  renameSync(file, join(blobs, hex));
  return { digest: `sha256:${hex}`, size };
}

function blob(blobs: string, content: object): Blob {
  const text = JSON.stringify(content);
  const hex = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(blobs, hex), text);
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}
