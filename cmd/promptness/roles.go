package main

import (
	"fmt"
	"slices"
	"strings"
)

// A Role is a part of the program that can run in a process of its own, next to
// others of its kind.
type Role string

// The roles.
const (
	RoleIngest  Role = "ingest"  // takes signals: webhooks, mailboxes, people's acts
	RoleProcess Role = "process" // folds signals into the record
	RoleAlert   Role = "alert"   // tells people what the record says that they must hear
)

// roles lists every role.
func roles() []Role { return []Role{RoleIngest, RoleProcess, RoleAlert} }

// Roles are what one process does. None named means all.
type Roles []Role

// Has reports whether r is among them.
func (rs Roles) Has(r Role) bool { return len(rs) == 0 || slices.Contains(rs, r) }

// String joins them by commas.
func (rs Roles) String() string {
	if len(rs) == 0 {
		rs = roles()
	}
	return joined([]Role(rs), ",")
}

// UnmarshalText reads roles joined by commas.
func (rs *Roles) UnmarshalText(b []byte) error {
	*rs = nil
	for word := range strings.SplitSeq(string(b), ",") {
		r := Role(strings.TrimSpace(word))
		if !slices.Contains(roles(), r) {
			return fmt.Errorf("unknown role %q (have %s)", r, joined(roles(), ", "))
		}
		if !slices.Contains(*rs, r) {
			*rs = append(*rs, r)
		}
	}
	return nil
}

// validate returns what is wrong with the roles of a process whose store is
// embedded or not.
func (rs Roles) validate(embedded bool) error {
	for _, r := range roles() {
		if embedded && !rs.Has(r) {
			return fmt.Errorf("role %s alone needs a store that other processes reach: name it under store.nats.urls, or leave roles out", rs)
		}
	}
	return nil
}
