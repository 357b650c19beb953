"""Clears away what is over on the cluster: pods that ended, ReplicaSets that are past their history, leftovers by name.

Before a pod goes, its description and the end of its logs are saved; where that fails, it stays. Whatever fails is said on
standard error and does not stop the rest; the exit code is then 1. Needs Python 3.9 and nothing else.

Pods that somebody else sees to stay. A Job's are kept as long as it is, which its own limits say, or those of its CronJob;
while it runs it counts them, and whether it is over is not known here. A StatefulSet or DaemonSet replaces its own. Only a
ReplicaSet forgets those that ended.

Environment:
  NAMESPACES          the namespaces that are looked at, with commas between them
  MINIMUM_AGE         seconds since its end before a pod goes, and since its beginning before a leftover does
  HISTORY_LIMIT       old ReplicaSets that a Deployment keeps
  LEFTOVERS           namespace/name of pods that go whatever they do, with commas between them
  EVIDENCE            folder in which descriptions and logs are kept
  EVIDENCE_RETENTION  seconds for which they are kept
  EVIDENCE_LIMIT      bytes that they may take together; the oldest go first
  DRY_RUN             when set, says what would go, and nothing goes
"""

import calendar
import json
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
REVISION = "deployment.kubernetes.io/revision"
# `kubectl debug node/<node>` calls its pods node-debugger-<node>-<five letters>.
NODE_DEBUGGER = "node-debugger"
LOG_LINES = 2000
LOG_BYTES = 2**20
# A description is one object, and the API takes none that is larger: 1.5 MiB are etcd's default limit.
DESCRIPTION_BYTES = 2 * 2**20


class Api:
    """The Kubernetes API, as the pod's service account may use it."""

    def __init__(self):
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        self.url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        self.context = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
        # Python 3.13 also refuses authorities without a key identifier, as clusters have them; see kubernetes-client/python
        # issue 2394. Chain and name are checked without it.
        self.context.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def open(self, method, path, body=None):
        with open(f"{ACCOUNT}/token", encoding="ascii") as token:
            headers = {"Authorization": f"Bearer {token.read().strip()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        return urllib.request.urlopen(request, context=self.context, timeout=30)

    def items(self, kind, path):
        """All objects of a list, which is read page by page. A list does not say their kind."""
        found, following = [], ""
        while True:
            with self.open("GET", f"{path}?limit=500{following}") as answer:
                page = json.load(answer)
            found += [{"apiVersion": page["apiVersion"], "kind": kind, **item} for item in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return found
            following = f"&continue={urllib.parse.quote(token)}"

    def delete(self, path, thing):
        """Deletes an object as it was seen. Returns False for one that has changed since, or that is gone."""
        preconditions = {"uid": thing["metadata"]["uid"], "resourceVersion": thing["metadata"]["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        try:
            self.open("DELETE", path, body).close()
        except urllib.error.HTTPError as error:
            if error.code in (404, 409):
                return False
            raise
        return True


class Evidence:
    """What is kept of the pods that went: a folder each."""

    def __init__(self, folder, retention, limit):
        self.folder, self.retention, self.limit = folder, retention, limit

    def trim(self, room=0):
        """Removes what is too old, and then the oldest until there are `room` bytes."""
        with os.scandir(self.folder) as entries:
            ages = {entry.path: entry.stat().st_mtime for entry in entries if entry.is_dir(follow_symlinks=False)}
        taken = room
        for path in sorted(ages, key=ages.get, reverse=True):
            taken += sum(entry.stat().st_size for entry in os.scandir(path))
            if taken > self.limit or time.time() - ages[path] > self.retention:
                shutil.rmtree(path)
                print(f"evidence removed: {os.path.basename(path)}")

    def save(self, api, pod, path):
        """Saves a pod's description and the end of its logs. A second time replaces the first."""
        spec, metadata = pod["spec"], pod["metadata"]
        containers = [
            container["name"]
            for kind in ("initContainers", "containers", "ephemeralContainers")
            for container in spec.get(kind, [])
        ]
        self.trim(DESCRIPTION_BYTES + len(containers) * LOG_BYTES)
        # A file's name has 255 bytes at most, a pod's alone may have 253.
        folder = os.path.join(self.folder, f"{metadata['namespace']}_{metadata['name']}"[:200] + f"_{metadata['uid']}")
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, "pod.json"), json.dumps(pod, indent=1).encode())
        for name in containers:
            log = end_of_log(api, f"{path}/log?container={name}&tailLines={LOG_LINES}")
            write(os.path.join(folder, f"{name}.log"), log)


def end_of_log(api, path):
    try:
        with api.open("GET", path) as answer:
            end = b""
            while chunk := answer.read(2**16):
                end = (end + chunk)[-LOG_BYTES:]
            return end
    except urllib.error.HTTPError as error:
        # It never started, or its node is no more: there is none to save.
        if error.code in (400, 404):
            return f"(no log: {reason(error)})\n".encode()
        raise


def write(path, content):
    """Writes a file that is on the disk afterwards, also when the power fails."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def reason(error):
    """What went wrong: in the API's own words, where it has said something."""
    if isinstance(error, urllib.error.HTTPError):
        try:
            return json.loads(error.read())["message"]
        except (OSError, ValueError, KeyError):
            pass
    return f"{type(error).__name__}: {error}"


def seconds_since(timestamp):
    return time.time() - calendar.timegm(time.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ"))


def owner(thing):
    """Kind, name and uid of what has made an object; None for one that stands for itself."""
    references = sorted(thing["metadata"].get("ownerReferences", []), key=lambda each: not each.get("controller"))
    return (references[0]["kind"], references[0]["name"], references[0]["uid"]) if references else None


def ended_since(pod):
    """Seconds since the pod ended, or None while it runs."""
    status = pod["status"]
    if status.get("phase") not in ("Succeeded", "Failed"):
        return None
    states = [container.get("state", {}) for container in status.get("containerStatuses", [])]
    ends = [state.get("terminated", {}).get("finishedAt") for state in states]
    # An evicted pod may have no containers any more, and one that was refused by its node never had any.
    changes = [condition.get("lastTransitionTime") for condition in status.get("conditions", [])]
    times = [each for each in ends + changes if each]
    return seconds_since(max(times) if times else status.get("startTime") or pod["metadata"]["creationTimestamp"])


def is_leftover(pod, leftovers):
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    debugger = name.startswith(f"{NODE_DEBUGGER}-") and f"{namespace}/{NODE_DEBUGGER}" in leftovers
    return debugger or f"{namespace}/{name}" in leftovers


def why_pod_goes(pod, leftovers, minimum_age):
    """Why a pod goes, in a few words; None for one that stays."""
    made_by, age = owner(pod), ended_since(pod)
    if "deletionTimestamp" in pod["metadata"]:
        return None
    if is_leftover(pod, leftovers) and seconds_since(pod["metadata"]["creationTimestamp"]) > minimum_age:
        if made_by is None:
            return "a leftover that the site file names"
        if age is None:
            name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            print(f"stays: Pod {name} is a leftover, yet {made_by[0]} {made_by[1]} would make another one")
    if age is not None and age > minimum_age and (made_by is None or made_by[0] == "ReplicaSet"):
        return f"{pod['status'].get('reason') or pod['status']['phase']}, {age / 3600:.1f} h ago"
    return None


def old_replica_sets(replica_sets, pods, limit):
    """Of each Deployment, those without pods that are older than the newest `limit` of them."""
    # With a ReplicaSet its pods go, those that ended as well, and nothing would be saved of them.
    with_pods = {made_by[2] for made_by in map(owner, pods) if made_by}
    by_deployment = {}
    for replica_set in replica_sets:
        made_by = owner(replica_set)
        if made_by is not None and made_by[0] == "Deployment":
            by_deployment.setdefault(made_by, []).append(replica_set)
    for theirs in by_deployment.values():
        theirs.sort(key=lambda each: int(each["metadata"].get("annotations", {}).get(REVISION, "0")), reverse=True)
        # The newest is what the Deployment means now, also when it is scaled to nothing.
        empty = [each for each in theirs[1:] if is_empty(each)]
        yield from (each for each in empty[limit:] if each["metadata"]["uid"] not in with_pods)


def is_empty(replica_set):
    metadata, status = replica_set["metadata"], replica_set["status"]
    return (
        replica_set["spec"].get("replicas", 1) == 0
        and status.get("replicas", 0) == 0
        and status.get("observedGeneration") == metadata["generation"]
        and "deletionTimestamp" not in metadata
    )


class Run:
    """A run: what it clears, and how often it could not."""

    def __init__(self, setting):
        names = lambda key: [name for name in setting[key].split(",") if name]
        self.api = Api()
        self.namespaces, self.leftovers = names("NAMESPACES"), names("LEFTOVERS")
        self.minimum_age, self.history_limit = int(setting["MINIMUM_AGE"]), int(setting["HISTORY_LIMIT"])
        limits = int(setting["EVIDENCE_RETENTION"]), int(setting["EVIDENCE_LIMIT"])
        self.evidence = Evidence(setting["EVIDENCE"], *limits)
        self.dry = bool(setting.get("DRY_RUN"))
        self.gone = self.failed = 0

    def everything(self):
        if not self.dry:
            self.attempt("old evidence", self.evidence.trim)
        for namespace in self.namespaces:
            self.attempt(f"namespace {namespace}", self.clear_namespace, namespace)
        if not self.dry:
            print(f"{self.gone} gone, {self.failed} failed")
        return 1 if self.failed else 0

    def clear_namespace(self, namespace):
        pods_path = f"/api/v1/namespaces/{namespace}/pods"
        pods = self.api.items("Pod", pods_path)
        for pod in pods:
            why = why_pod_goes(pod, self.leftovers, self.minimum_age)
            if why is not None:
                self.clear(f"{pods_path}/{pod['metadata']['name']}", pod, why)
        sets_path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        for replica_set in old_replica_sets(self.api.items("ReplicaSet", sets_path), pods, self.history_limit):
            path = f"{sets_path}/{replica_set['metadata']['name']}"
            self.clear(path, replica_set, "no pods, and past the history limit")

    def clear(self, path, thing, why):
        what = f"{thing['kind']} {thing['metadata']['namespace']}/{thing['metadata']['name']}: {why}"
        if self.dry:
            print(f"would go: {what}")
        else:
            self.attempt(what, self.remove, path, thing, what)

    def remove(self, path, thing, what):
        if thing["kind"] == "Pod":
            self.evidence.save(self.api, thing, path)
        if self.api.delete(path, thing):
            self.gone += 1
            print(f"gone: {what}")
        else:
            print(f"stays, it has changed in the meantime: {what}")

    def attempt(self, what, action, *arguments):
        try:
            action(*arguments)
        # Whatever it is: the rest goes on, and the exit code says that something was not done.
        except Exception as error:
            self.failed += 1
            print(f"failed: {what}: {reason(error)}", file=sys.stderr)


if __name__ == "__main__":
    # What a pod has said is nobody's business but that of the group of the backups.
    os.umask(0o027)
    sys.exit(Run(os.environ).everything())
