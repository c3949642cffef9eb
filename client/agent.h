/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* polkit's terminal agent, pkttyagent, started like systemd's tools do. */
typedef struct Agent Agent;

/* Returns once the agent is registered. NULL: no terminal, or no agent. */
Agent *agent_start(void) G_GNUC_WARN_UNUSED_RESULT;

void agent_stop(Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_stop)
