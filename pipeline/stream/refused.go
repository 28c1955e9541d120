package stream

import (
	"fmt"
	"strconv"
	"strings"
)

// A Refusal names why a cluster is not used. The names are a closed set; each
// has a row in docs/OPERATING.md.
type Refusal string

// The refusals.
const (
	RefusedUnreachable Refusal = "nats_unreachable" // no server answers
	RefusedCredentials Refusal = "nats_credentials" // a server does not know us
	RefusedTLS         Refusal = "nats_tls"         // no trust between us and a server
	RefusedJetStream   Refusal = "nats_jetstream"   // JetStream does not answer this user
	RefusedVersion     Refusal = "nats_version"     // a server older than TestedServer
	RefusedAPILevel    Refusal = "nats_api_level"   // a JetStream without what we need
	RefusedMonitor     Refusal = "nats_monitor"     // monitoring does not answer as it must
	RefusedSync        Refusal = "nats_sync"        // a server answers before it syncs
	RefusedServers     Refusal = "nats_servers"     // too few servers, or of several clusters
	RefusedStore       Refusal = "nats_store"       // where or how a server stores
)

// Refusals returns all of them.
func Refusals() []Refusal {
	return []Refusal{RefusedUnreachable, RefusedCredentials, RefusedTLS, RefusedJetStream, RefusedVersion,
		RefusedAPILevel, RefusedMonitor, RefusedSync, RefusedServers, RefusedStore}
}

// A ClusterError says why an external cluster is not used.
type ClusterError struct {
	Refusal Refusal
	Server  string // its name or monitoring address; empty where none is to blame
	Err     error
}

func (e *ClusterError) Error() string {
	if e.Server == "" {
		return fmt.Sprintf("%s: %v", e.Refusal, e.Err)
	}
	return fmt.Sprintf("%s: server %s: %v", e.Refusal, e.Server, e.Err)
}
func (e *ClusterError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ClusterError) Hint() string {
	switch e.Refusal {
	case RefusedUnreachable:
		return "look whether the servers under store.nats.urls run and can be reached from here, and whether the ports are right"
	case RefusedCredentials:
		return "look whether the key under store.nats belongs to a user of the account, and whether the servers have read their configuration since the user was made"
	case RefusedTLS:
		return "look whether store.nats.tls.ca_file signed the servers' certificates, whether they name the hosts in store.nats.urls and are in date, and whether the servers ask for a certificate of ours"
	case RefusedJetStream:
		return "look whether JetStream runs and has a leader on the servers, whether the account may use it, and whether the user may publish to $JS.API.INFO and subscribe to store.nats.inbox_prefix"
	case RefusedVersion, RefusedAPILevel:
		return "upgrade the servers of the cluster, one at a time; nothing older has been shown to keep the record"
	case RefusedMonitor:
		return "look whether store.nats.monitor names the monitoring port of each server and whether it can be reached from here"
	case RefusedSync:
		return "set sync_interval: always in the jetstream block of that server and restart it; without it a power cut loses what was acknowledged"
	case RefusedServers:
		return "name every server of one cluster under store.nats.monitor, at least three, and look whether all of them run"
	case RefusedStore:
		return "correct the jetstream block of that server as in deploy/nats and restart it"
	default:
		return ""
	}
}

// olderThan reports whether version v is before least, or cannot be read. A
// version before a release of the same number is older than it.
func olderThan(v, least string) bool {
	have, pre, ok := numbers(v)
	want, _, _ := numbers(least)
	if !ok {
		return true
	}
	for i := range have {
		if have[i] != want[i] {
			return have[i] < want[i]
		}
	}
	return pre
}

// numbers reads major.minor.patch, and whether the version lies before that.
func numbers(v string) (n [3]int, pre, ok bool) {
	v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
	v, _, pre = strings.Cut(v, "-")
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return n, pre, false
	}
	for i, p := range parts {
		x, err := strconv.Atoi(p)
		if err != nil || x < 0 {
			return n, pre, false
		}
		n[i] = x
	}
	return n, pre, true
}
