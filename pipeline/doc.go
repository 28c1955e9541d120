// Package pipeline owns the incidents: it reads signals from the vault, steps
// them through the fold, watches deadlines, and commits before anyone is told.
// It decides nothing itself and speaks no protocol.
//
// One goroutine owns the state. A reader interprets signals ahead of it, in
// order; a committer makes one step durable at a time. The owner folds on while
// a commit is in flight; what has gathered when it returns is the next step.
//
//	reader ── inputs ──> owner ── step ──> committer
//	                       ^                  |
//	                       └──── outcome ─────┘ then tell
package pipeline
