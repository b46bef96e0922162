<?php

// Reads SAML metadata on standard input; prints its service providers as SimpleSAMLphp sees them.

error_reporting(E_ALL & ~E_DEPRECATED);
require $argv[1] . '/lib/_autoload.php';

$found = [];
$entities = SimpleSAML\Metadata\SAMLParser::parseDescriptorsString(stream_get_contents(STDIN));
foreach ($entities as $entityId => $entity) {
    $sp = $entity->getMetadata20SP();
    if ($sp !== null) {
        unset($sp['entityDescriptor']);
        $found[$entityId] = $sp;
    }
}
echo json_encode($found, JSON_THROW_ON_ERROR | JSON_FORCE_OBJECT);
