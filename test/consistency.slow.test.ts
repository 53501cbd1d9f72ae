/** @file The laws of lifting for all of the tiny networks. */

import { consistencyOf } from "./helpers/consistency.ts";
import { NETWORKS } from "./helpers/networks.ts";

consistencyOf(NETWORKS);
