<?php

// This identity provider. What differs from one service provider to the next is in their metadata.

$metadata['http://127.0.0.1:' . getenv('PASSERELLE_TEST_PORT') . '/saml2/idp/metadata.php'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.crt',
    'auth' => 'people',
    'sign.logout' => true,
    // After each service provider's NameID filter, which needs `uid`: that one is never sent.
    'authproc' => [
        90 => ['class' => 'core:AttributeLimit', 'email', 'firstName', 'lastName', 'groups'],
    ],
];
