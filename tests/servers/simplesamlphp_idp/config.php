<?php

// SimpleSAMLphp's own settings: everything it writes stays in the state folder of one test server.

$state = getenv('PASSERELLE_TEST_STATE');
$port = getenv('PASSERELLE_TEST_PORT');

$config = [
    'baseurlpath' => "http://127.0.0.1:$port/",
    'secretsalt' => 'only for tests: always the same',
    'auth.adminpassword' => bin2hex(random_bytes(16)),
    'timezone' => 'UTC',

    'certdir' => "$state/",
    'datadir' => "$state/data/",
    'tempdir' => "$state/tmp",
    'loggingdir' => "$state/",
    'metadatadir' => __DIR__ . '/metadata/',
    'metadata.sources' => [['type' => 'flatfile']],
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',

    'logging.handler' => 'stderr',
    'logging.level' => SimpleSAML\Logger::NOTICE,
    'showerrors' => true,
    'errorreporting' => false,
    'admin.checkforupdates' => false,

    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],

    // Cookies ignore ports: without names of their own, two servers would share them.
    'session.cookie.name' => "idp{$port}session",
    'session.phpsession.cookiename' => "idp{$port}php",
    'session.authtoken.cookiename' => "idp{$port}token",
    'language.cookie.name' => "idp{$port}language",
    'session.phpsession.savepath' => "$state/sessions",
    'store.type' => 'phpsession',

    // Plain http, so neither Secure nor SameSite=None.
    'session.cookie.secure' => false,
    'session.cookie.samesite' => null,
    'language.cookie.secure' => false,
    'language.cookie.samesite' => null,
];
