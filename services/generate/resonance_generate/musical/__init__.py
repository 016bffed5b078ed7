"""Musical terms: keys, and tempo, key, metre and denials in prompts."""
