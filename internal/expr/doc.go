// Package expr compiles CEL expressions over named variables and evaluates them
// on values that strangers may have written: what comes out is a plain Go value
// or an error, within a fixed cost; it reads no clock, no file and no network,
// and gives the same answer for the same values, whatever the order of a map.
//
// The language is https://cel.dev with optional values (p.?a.?b.orValue("x"))
// and the string functions (p.a.lowerAscii(), .split("/"), .replace("a", "b")).
// Times without a zone are not times; all time arithmetic is in UTC.
package expr
