<?php

// PHP's own server knows no PATH_INFO: this runs `/x.php/rest` as the script x.php.

error_reporting(E_ALL & ~E_DEPRECATED);

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$root = $_SERVER['DOCUMENT_ROOT'];
if (!preg_match('#^(/.+?\.php)(/.*)?$#', $path, $parts) || !is_file($root . $parts[1])) {
    return false;
}
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $parts[1];
$_SERVER['SCRIPT_FILENAME'] = $root . $parts[1];
$_SERVER['PATH_INFO'] = $parts[2] ?? '';
chdir(dirname($_SERVER['SCRIPT_FILENAME']));
require $_SERVER['SCRIPT_FILENAME'];
