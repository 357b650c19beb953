import { spawnSync } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { breakLease, leaseOwner, releaseLease, takeLease } from "../../../components/host/lease.ts";
import { callHost, type HostTarget } from "../../../components/host/observation.ts";

vi.mock("../../../components/host/observation.ts");

afterEach(() => {
  vi.mocked(callHost).mockReset();
});

describe("a run that wants the host", () => {
  const target: HostTarget = {
    address: "host",
    port: 22,
    user: "twister",
    hostKey: "ssh-ed25519 AAAA",
    auth: { agent: "/run/agent" },
    timeout: 5,
  };
  const calls = () => vi.mocked(callHost).mock.calls.map(([, name, parameters]) => [name, parameters["owner"]]);
  const heldBy = (owner: string) =>
    new Error(`the host's script ended with 65: refused: the host is held by '${owner}' for another 9 s`);

  test("says who it is: person, machine, process, stack", () => {
    expect(leaseOwner("edge-phase-1")).toBe(`${userInfo().username}@${hostname()} pid ${process.pid} edge-phase-1`);
  });

  test("takes it for half an hour after its last sign of life", async () => {
    await takeLease(target, "me");
    expect(vi.mocked(callHost).mock.calls).toEqual([[target, "lease take", { owner: "me", seconds: 1800 }]]);
  });

  test("takes it on the machine that is meant, where that is known", async () => {
    const known = { ...target, machineId: "0123" };
    await takeLease(known, "me");
    expect(vi.mocked(callHost).mock.calls[0]?.[2]).toEqual({ owner: "me", seconds: 1800, machine: "0123" });
  });

  test("breaks the lease of a process of this machine that is no more, and only that", async () => {
    const gone = `anna@${hostname()} pid ${pidOfNobody()} edge-phase-1`;
    vi.mocked(callHost).mockRejectedValueOnce(heldBy(gone));
    await takeLease(target, "me");
    expect(calls()).toEqual([
      ["lease take", "me"],
      ["lease break", gone],
      ["lease take", "me"],
    ]);
  });

  test.each([
    ["a process that lives", `anna@${hostname()} pid ${process.ppid} edge-phase-1`],
    ["a process that lives and is not ours", `root@${hostname()} pid 1 edge-phase-1`],
    ["a process of another machine", `anna@elsewhere pid ${pidOfNobody()} edge-phase-1`],
    ["an owner of another form", "somebody"],
  ])("leaves the lease of %s alone, and says who that is and what to do", async (_, owner) => {
    vi.mocked(callHost).mockRejectedValue(heldBy(owner));
    await expect(takeLease(target, "me")).rejects.toThrow(
      `the host is held by '${owner}' for another 9 s (npm run doctor shows who has the host, and can break that)`,
    );
    expect(calls()).toEqual([["lease take", "me"]]);
  });

  test("fails as the connection fails", async () => {
    vi.mocked(callHost).mockRejectedValue(new Error("connect ECONNREFUSED"));
    await expect(takeLease(target, "me")).rejects.toThrow("connect ECONNREFUSED");
  });

  test("loses against a third who was quicker after the break", async () => {
    vi.mocked(callHost)
      .mockRejectedValueOnce(heldBy(`anna@${hostname()} pid ${pidOfNobody()} x`))
      .mockResolvedValueOnce("broke the lease\n")
      .mockRejectedValueOnce(heldBy("bert"));
    await expect(takeLease(target, "me")).rejects.toThrow("held by 'bert'");
  });

  test("gives back, and breaks, by the owner's name", async () => {
    await releaseLease(target, "me");
    await breakLease(target, "anna");
    expect(calls()).toEqual([
      ["lease release", "me"],
      ["lease break", "anna"],
    ]);
  });
});

/** The id of a process that has just ended. */
function pidOfNobody(): number {
  return spawnSync("true").pid;
}
