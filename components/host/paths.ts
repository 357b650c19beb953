/** Path of the root-owned program on the host that the host items are carried out by. */
export const ENTRY_POINT = "/usr/local/sbin/twisterlab-edge";

/** The account on the host whose key may only observe, and its home. Root owns both; see scripts/hostAccess.sh. */
export const OBSERVER = "twisterlab-observer";
export const OBSERVER_HOME = "/var/lib/twisterlab-edge-observer";
