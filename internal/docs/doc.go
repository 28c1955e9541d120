// Package docs holds tests that compare the documents and the shipped
// configurations of this repository with the program: what goes in is source,
// Markdown and YAML, what comes out is a failed test. It is never imported.
package docs
