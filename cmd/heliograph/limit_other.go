//go:build !unix

package main

// There are no such limits here.
func surviveLimits() {}
