package rules_test

import (
	"testing"

	"github.com/dekcd/dmcloud/policies/rules"
)

// BenchmarkCheck measures the rules without the pack around them.
func BenchmarkCheck(b *testing.B) {
	deployment := compliant("apps/Deployment")
	for b.Loop() {
		if findings := rules.Check(deployment); len(findings) > 0 {
			b.Fatal(findings)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/resource")
}
