/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* polkit's agent for the terminal, pkttyagent, as systemd's tools start it. */
typedef struct Agent Agent;

/* Returns when the agent is registered. NULL: there is no terminal, or no agent. */
Agent *agent_start(void) G_GNUC_WARN_UNUSED_RESULT;

void agent_stop(Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_stop)
