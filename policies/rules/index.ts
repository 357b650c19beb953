import type { Rule } from "../support/site/rule.ts";
import { apiVersionServed } from "./any/apiVersionServed.ts";
import { commandDeleteWithUpdate } from "./any/commandDeleteWithUpdate.ts";
import { commandDeleteWithoutTriggers } from "./any/commandDeleteWithoutTriggers.ts";
import { commandNoSecret } from "./any/commandNoSecret.ts";
import { commandNotDestructive } from "./any/commandNotDestructive.ts";
import { configMapNoSecret } from "./any/configMapNoSecret.ts";
import { cronJobHasDeadline } from "./any/cronJobHasDeadline.ts";
import { cronJobNoOverlap } from "./any/cronJobNoOverlap.ts";
import { cronJobNotSuspended } from "./any/cronJobNotSuspended.ts";
import { dataIsProtected } from "./any/dataIsProtected.ts";
import { disruptionBudgetLetsGo } from "./any/disruptionBudgetLetsGo.ts";
import { helmChartAborts } from "./any/helmChartAborts.ts";
import { helmChartNoSecret } from "./any/helmChartNoSecret.ts";
import { helmChartVersionPinned } from "./any/helmChartVersionPinned.ts";
import { helmReleaseIsOpaque } from "./any/helmReleaseIsOpaque.ts";
import { imageByDigest } from "./any/imageByDigest.ts";
import { imageTagPinned } from "./any/imageTagPinned.ts";
import { jobEnds } from "./any/jobEnds.ts";
import { jobIsCleared } from "./any/jobIsCleared.ts";
import { jobIsIsolated } from "./any/jobIsIsolated.ts";
import { jobReadOnlyRoot } from "./any/jobReadOnlyRoot.ts";
import { kubernetesProviderNamed } from "./any/kubernetesProviderNamed.ts";
import { lockOutReverts } from "./any/lockOutReverts.ts";
import { namespaceDeniesByDefault } from "./any/namespaceDeniesByDefault.ts";
import { namespacePodSecurity } from "./any/namespacePodSecurity.ts";
import { networkPolicyNotOpen } from "./any/networkPolicyNotOpen.ts";
import { noDefaultCredentials } from "./any/noDefaultCredentials.ts";
import { objectHasNamespace } from "./any/objectHasNamespace.ts";
import { podDropsCapabilities } from "./any/podDropsCapabilities.ts";
import { podHasReadinessProbe } from "./any/podHasReadinessProbe.ts";
import { podHasResources } from "./any/podHasResources.ts";
import { podKeepsKernelProtection } from "./any/podKeepsKernelProtection.ts";
import { podNoApiToken } from "./any/podNoApiToken.ts";
import { podNoHostNamespaces } from "./any/podNoHostNamespaces.ts";
import { podNoHostPath } from "./any/podNoHostPath.ts";
import { podNoHostPort } from "./any/podNoHostPort.ts";
import { podNoPrivilegeEscalation } from "./any/podNoPrivilegeEscalation.ts";
import { podNoRuntimeSocket } from "./any/podNoRuntimeSocket.ts";
import { podNoSecretInEnv } from "./any/podNoSecretInEnv.ts";
import { podNotPrivileged } from "./any/podNotPrivileged.ts";
import { podReadOnlyRoot } from "./any/podReadOnlyRoot.ts";
import { podRunsAsNonRoot } from "./any/podRunsAsNonRoot.ts";
import { podScratchIsLimited } from "./any/podScratchIsLimited.ts";
import { podSeccompDefault } from "./any/podSeccompDefault.ts";
import { rbacLeastPrivilege } from "./any/rbacLeastPrivilege.ts";
import { rbacNoAnonymous } from "./any/rbacNoAnonymous.ts";
import { remoteCommandKnowsHost } from "./any/remoteCommandKnowsHost.ts";
import { selectorMatchesTemplate } from "./any/selectorMatchesTemplate.ts";
import { serviceNoExternalIps } from "./any/serviceNoExternalIps.ts";
import { serviceStaysInside } from "./any/serviceStaysInside.ts";
import { volumeGroupSavedFirst } from "./any/volumeGroupSavedFirst.ts";
import { backupClientNotOlder } from "./site/backupClientNotOlder.ts";
import { backupKeptLongEnough } from "./site/backupKeptLongEnough.ts";
import { backupOnAnotherDisk } from "./site/backupOnAnotherDisk.ts";
import { backupSchedulesApart } from "./site/backupSchedulesApart.ts";
import { backupSurvivesClockChange } from "./site/backupSurvivesClockChange.ts";
import { dockerDaemonSafe } from "./site/dockerDaemonSafe.ts";
import { dockerKeysKnown } from "./site/dockerKeysKnown.ts";
import { dockerRegistriesSecure } from "./site/dockerRegistriesSecure.ts";
import { hostCommandIsOurs } from "./site/hostCommandIsOurs.ts";
import { hostFileHasOneOwner } from "./site/hostFileHasOneOwner.ts";
import { hostIsTheSite } from "./site/hostIsTheSite.ts";
import { imageRegistryAllowed } from "./site/imageRegistryAllowed.ts";
import { lockOutIsConfirmed } from "./site/lockOutIsConfirmed.ts";
import { nodeHasRoom } from "./site/nodeHasRoom.ts";
import { poolIsClear } from "./site/poolIsClear.ts";
import { registriesVerified } from "./site/registriesVerified.ts";
import { restartsInOrder } from "./site/restartsInOrder.ts";
import { rollbackPresent } from "./site/rollbackPresent.ts";
import { selectorFindsPods } from "./site/selectorFindsPods.ts";
import { volumeMetadataSaved } from "./site/volumeMetadataSaved.ts";
import { volumeNeverShrinks } from "./site/volumeNeverShrinks.ts";

/** Every rule: first those for any program, then those of this site. */
export const RULES: readonly Rule[] = [
  apiVersionServed,
  commandDeleteWithUpdate,
  commandDeleteWithoutTriggers,
  commandNoSecret,
  commandNotDestructive,
  configMapNoSecret,
  cronJobHasDeadline,
  cronJobNoOverlap,
  cronJobNotSuspended,
  dataIsProtected,
  disruptionBudgetLetsGo,
  helmChartAborts,
  helmChartNoSecret,
  helmChartVersionPinned,
  helmReleaseIsOpaque,
  imageByDigest,
  imageTagPinned,
  jobEnds,
  jobIsCleared,
  jobIsIsolated,
  jobReadOnlyRoot,
  kubernetesProviderNamed,
  lockOutReverts,
  namespaceDeniesByDefault,
  namespacePodSecurity,
  networkPolicyNotOpen,
  noDefaultCredentials,
  objectHasNamespace,
  podDropsCapabilities,
  podHasReadinessProbe,
  podHasResources,
  podKeepsKernelProtection,
  podNoApiToken,
  podNoHostNamespaces,
  podNoHostPath,
  podNoHostPort,
  podNoPrivilegeEscalation,
  podNoRuntimeSocket,
  podNoSecretInEnv,
  podNotPrivileged,
  podReadOnlyRoot,
  podRunsAsNonRoot,
  podScratchIsLimited,
  podSeccompDefault,
  rbacLeastPrivilege,
  rbacNoAnonymous,
  remoteCommandKnowsHost,
  selectorMatchesTemplate,
  serviceNoExternalIps,
  serviceStaysInside,
  volumeGroupSavedFirst,
  backupClientNotOlder,
  backupKeptLongEnough,
  backupOnAnotherDisk,
  backupSchedulesApart,
  backupSurvivesClockChange,
  dockerDaemonSafe,
  dockerKeysKnown,
  dockerRegistriesSecure,
  hostCommandIsOurs,
  hostFileHasOneOwner,
  hostIsTheSite,
  imageRegistryAllowed,
  lockOutIsConfirmed,
  nodeHasRoom,
  poolIsClear,
  registriesVerified,
  restartsInOrder,
  rollbackPresent,
  selectorFindsPods,
  volumeMetadataSaved,
  volumeNeverShrinks,
];
