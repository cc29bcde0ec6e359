package workbench

import "io"

// BenchWith is a bench that was not opened: for what needs no tools.
func BenchWith(o Options, env []string) *Bench { return &Bench{options: o.withDefaults(), env: env} }

// Report prints what up says at its end.
func (b *Bench) Report(to io.Writer, outputs Outputs) { b.report(to, outputs) }
