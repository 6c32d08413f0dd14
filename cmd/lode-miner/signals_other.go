//go:build !unix

package main

import "context"

// handle waits: this system has no signals for a program's own use.
func (c *controls) handle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
