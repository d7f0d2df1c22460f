package config_test

import (
	"fmt"

	"tollgate.dev/platform/config"
)

// A problem is named with its line, its path and, for a slip, the key that was meant.
func ExampleLoad() {
	_, warnings, err := config.Load(config.Source{Name: "config.yaml", Data: []byte(`
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
router_settings:
  routing_stratgy: least-busy
general_settings:
  alerting: [slack]
`)})
	for _, w := range warnings {
		fmt.Println("warning:", w)
	}
	fmt.Println(err)
	// Output:
	// warning: line 10: general_settings.alerting: has no effect in Tollgate
	// config.yaml: 2 problems
	//   line 6: model_list[0].litellm_params.api_key: environment variable OPENAI_API_KEY is not set
	//   line 8: router_settings.routing_stratgy: unknown key; did you mean routing_strategy?
}
