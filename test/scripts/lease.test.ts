import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderParameters, type Parameters } from "../../components/host/render/parameters.ts";
import { scratchHost, type ScratchHost } from "../support/hostScripts.ts";

let host: ScratchHost;

beforeEach(() => {
  host = scratchHost();
});

afterEach(() => {
  host.remove();
});

const verb = (name: string, parameters: Parameters) => host.run(`lease ${name}`, renderParameters(parameters));
const take = (owner: string, seconds = 600) => verb("take", { owner, seconds });

describe("the lease on the host", () => {
  test("is of the machine that is meant, and of no other", () => {
    host.stub("machine_id() { echo 0123; }");
    const { code, stderr } = verb("take", { owner: "anna", seconds: 600, machine: "4567" });
    expect(code).toBe(65);
    expect(stderr).toContain("this is another machine: its machine-id is 0123, the site file has 4567");
    expect(host.list("state")).toEqual([]);
    expect(verb("take", { owner: "anna", seconds: 600, machine: "0123" }).code).toBe(0);
  });

  test("is taken by the first who asks, and prolonged by taking it again", () => {
    expect(take("anna")).toEqual({ code: 0, stdout: "anna has the host\n", stderr: "" });
    host.wait(500);
    expect(take("anna").code).toBe(0);
    host.wait(500);
    expect(take("bert").code).toBe(65);
  });

  test("is refused to another, who is told who has it and for how long", () => {
    take("anna");
    host.wait(60);
    expect(take("bert")).toEqual({
      code: 65,
      stdout: "",
      stderr: "twisterlab-edge: refused, nothing was changed: the host is held by 'anna' for another 540 s\n",
    });
  });

  test("ends by itself, at its second", () => {
    take("anna");
    host.wait(599);
    expect(take("bert").code).toBe(65);
    host.wait(1);
    expect(take("bert").code).toBe(0);
  });

  test("counts its whole time from the boot after a reboot, where the old uptime says nothing", () => {
    take("anna");
    host.boot();
    expect(take("bert").stderr).toContain("for another 600 s");
    host.wait(600);
    expect(take("bert").code).toBe(0);
  });

  test("is free once its owner gives it back", () => {
    take("anna");
    expect(verb("release", { owner: "anna" })).toMatchObject({ code: 0, stdout: "released\n" });
    expect(take("bert").code).toBe(0);
  });

  test("stays when a stranger gives it back, and giving back what nobody has is no fault", () => {
    expect(verb("release", { owner: "bert" }).code).toBe(0);
    take("anna");
    expect(verb("release", { owner: "bert" }).code).toBe(0);
    expect(take("bert").code).toBe(65);
  });

  test("is broken only by who names the right owner", () => {
    expect(verb("break", { owner: "anna" }).stderr).toContain("nobody has the host");
    take("anna");
    expect(verb("break", { owner: "bert" }).stderr).toContain("the host is held by 'anna', not by 'bert'");
    expect(take("bert").code).toBe(65);
    expect(verb("break", { owner: "anna" }).stdout).toBe("broke the lease of anna\n");
    expect(take("bert").code).toBe(0);
  });

  test("is prolonged by every change, and a change takes no lease where there is none", () => {
    const change = () => host.run("attached confirm", "item: x\n\n");
    change();
    expect(host.read("state/lease")).toBeUndefined();
    take("anna");
    host.wait(599);
    change();
    host.wait(599);
    expect(take("bert").stderr).toContain("held by 'anna' for another 1 s");
  });

  test("that has ended is not brought back to life by a change", () => {
    take("anna");
    host.wait(600);
    host.run("attached confirm", "item: x\n\n");
    expect(take("bert").code).toBe(0);
  });

  test("is seen by an observation while it lasts, and only then", () => {
    const observed = () => host.observed("lease lease_as_json").lease;
    expect(observed()).toBeUndefined();
    take("anna's run");
    host.wait(100);
    expect(observed()).toEqual({ owner: "anna's run", expiresIn: 500 });
    host.wait(500);
    expect(observed()).toBeUndefined();
  });

  test.each([
    ["no owner", "seconds: 5\n\n", "parameter 'owner' is missing"],
    ["no time", "owner: anna\n\n", "parameter 'seconds' is missing"],
    ["a time that is none", "owner: anna\nseconds: 5+5\n\n", "seconds is no number"],
  ])("is refused with %s", (_, input, reason) => {
    const { code, stderr } = host.run("lease take", input);
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(host.read("state/lease")).toBeUndefined();
  });
});
