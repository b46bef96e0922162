<?php

// The registered service providers, as parse_metadata.php read them, plus what the tests chose.

$file = getenv('PASSERELLE_TEST_STATE') . '/service-providers.json';
$metadata = json_decode(file_get_contents($file), true);
