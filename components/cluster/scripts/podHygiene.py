"""Clears away what is over on the cluster: pods that ended, ReplicaSets that are past their history, leftovers by name.

Before a pod goes, its description and the end of its logs are saved. Needs Python 3.9 and nothing else.

Environment:
  NAMESPACES     the namespaces that are looked at, with commas between them
  MINIMUM_AGE    seconds since its end before a pod goes
  HISTORY_LIMIT  old ReplicaSets that a Deployment keeps
  LEFTOVERS      namespace/name of pods that go whatever they do, with commas between them; pods that `kubectl debug` has made
                 are called by the name and a dash and more
  EVIDENCE       folder in which descriptions and logs are kept
  DRY_RUN        when set, says what would go, and nothing goes
"""

import calendar
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
LOG_LINES = 2000


class Api:
    """The Kubernetes API, as the pod's service account may use it."""

    def __init__(self):
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self.url = os.environ.get("API_SERVER", f"https://{f'[{host}]' if ':' in host else host}:{port}")
        self.context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")

    def call(self, method, path, body=None):
        with open(f"{ACCOUNT}/token", encoding="ascii") as token:
            headers = {"Authorization": f"Bearer {token.read().strip()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
            return answer.read()

    def items(self, path):
        """All objects of a list, page by page."""
        following = ""
        while True:
            page = json.loads(self.call("GET", f"{path}?limit=500{following}"))
            yield from page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return
            following = f"&continue={token}"

    def delete(self, path, thing):
        """Deletes an object as it was seen: one of the same name that has come since stays."""
        preconditions = {"uid": thing["metadata"]["uid"], "resourceVersion": thing["metadata"]["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        if thing.get("kind") != "Pod":
            body["propagationPolicy"] = "Background"
        self.call("DELETE", path, body)


def seconds_since(timestamp):
    return time.time() - calendar.timegm(time.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ"))


def owner(thing):
    """Kind and name of the controller that would make another one, or None."""
    for reference in thing["metadata"].get("ownerReferences", []):
        if reference.get("controller"):
            return f"{reference['kind']} {reference['name']}"
    return None


def ended_since(pod):
    """Seconds since the pod ended, or None while it runs."""
    status = pod["status"]
    if status.get("phase") not in ("Succeeded", "Failed"):
        return None
    ends = [
        state["terminated"]["finishedAt"]
        for container in status.get("containerStatuses", [])
        for state in [container.get("state", {})]
        if state.get("terminated", {}).get("finishedAt")
    ]
    # An evicted pod has no containers any more.
    return seconds_since(max(ends) if ends else status.get("startTime") or pod["metadata"]["creationTimestamp"])


def is_leftover(pod, leftovers):
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    return any(
        namespace == wanted_namespace and (name == wanted or name.startswith(f"{wanted}-"))
        for wanted_namespace, _, wanted in (leftover.partition("/") for leftover in leftovers)
    )


def old_replica_sets(replica_sets, limit):
    """Of each Deployment, those without pods that are older than the newest `limit` of them."""
    by_deployment = {}
    for replica_set in replica_sets:
        by_deployment.setdefault(owner(replica_set), []).append(replica_set)
    for deployment, theirs in by_deployment.items():
        if deployment is None or not deployment.startswith("Deployment "):
            continue
        revision = "deployment.kubernetes.io/revision"
        theirs.sort(key=lambda each: int(each["metadata"].get("annotations", {}).get(revision, "0")), reverse=True)
        # The newest is what the Deployment means now, also when it is scaled to nothing.
        empty = [each for each in theirs[1:] if each["spec"].get("replicas", 1) == 0 and each["status"].get("replicas", 0) == 0]
        yield from empty[limit:]


def save(api, pod, folder):
    """The pod's description and the end of its logs, before it goes."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    base = os.path.join(folder, f"{namespace}_{name}_{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    os.makedirs(folder, exist_ok=True)
    with open(f"{base}.json", "w", encoding="utf-8") as file:
        json.dump(pod, file, indent=1)
    containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
    for container in containers:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/log?container={container['name']}&tailLines={LOG_LINES}"
        try:
            log = api.call("GET", path)
        except urllib.error.HTTPError:
            # Its node has them no more, or it never started.
            continue
        with open(f"{base}_{container['name']}.log", "wb") as file:
            file.write(log)


def main():
    api = Api()
    setting = os.environ
    names = lambda key: [name for name in setting[key].split(",") if name]
    dry = bool(setting.get("DRY_RUN"))
    failed = gone = 0

    def clear(path, thing, why, before=lambda: None):
        nonlocal failed, gone
        what = f"{thing['kind']} {thing['metadata']['namespace']}/{thing['metadata']['name']}: {why}"
        if dry:
            print(f"would go: {what}")
            return
        try:
            before()
            api.delete(path, thing)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):
                print(f"stays, it has changed in the meantime: {what}")
                return
            failed += 1
            print(f"could not go ({error.code} {error.reason}): {what}", file=sys.stderr)
        except OSError as error:
            failed += 1
            print(f"could not go ({error}): {what}", file=sys.stderr)
        else:
            gone += 1
            print(f"gone: {what}")

    for namespace in names("NAMESPACES"):
        for pod in api.items(f"/api/v1/namespaces/{namespace}/pods"):
            pod.setdefault("kind", "Pod")
            path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
            age = ended_since(pod)
            if is_leftover(pod, names("LEFTOVERS")):
                if owner(pod) is not None and age is None:
                    print(f"stays: Pod {namespace}/{pod['metadata']['name']} is a leftover, yet {owner(pod)} would make another one")
                    continue
                why = "a leftover that the site file names"
            elif age is not None and age > int(setting["MINIMUM_AGE"]):
                reason = pod["status"].get("reason") or pod["status"]["phase"]
                why = f"{reason}, {int(age / 3600)} h ago"
            else:
                continue
            clear(path, pod, why, lambda pod=pod: save(api, pod, setting["EVIDENCE"]))
        replica_sets = list(api.items(f"/apis/apps/v1/namespaces/{namespace}/replicasets"))
        for replica_set in old_replica_sets(replica_sets, int(setting["HISTORY_LIMIT"])):
            replica_set.setdefault("kind", "ReplicaSet")
            path = f"/apis/apps/v1/namespaces/{namespace}/replicasets/{replica_set['metadata']['name']}"
            clear(path, replica_set, "no pods, and past the history limit")
    if not dry:
        print(f"{gone} gone, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
