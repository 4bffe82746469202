#pragma once
#include <raft.h>

// The binary that the guards in RaftEngine were written against is libraft 0.22.1 as Debian builds it.
// Upstream's main calls itself 0.22.1 too with other ownership rules: sizes catch an older or newer
// header here, and RaftEngine probes ownership at start.
_Static_assert(RAFT_VERSION_MAJOR == 0 && RAFT_VERSION_MINOR == 22 && RAFT_VERSION_RELEASE == 1,
               "libraft-dev 0.22.1 is required (deploy/install-dependencies)");
_Static_assert(sizeof(struct raft) == 992, "struct raft has another layout than libraft 0.22.1");
