// libpcap as a Swift module: live capture and BPF filters.
#pragma once
#include <pcap/pcap.h>

// A macro with a cast is not imported.
static inline bpf_u_int32 mp_netmask_unknown(void) { return PCAP_NETMASK_UNKNOWN; }
