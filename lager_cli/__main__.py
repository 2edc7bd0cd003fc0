from lager_cli.entry import main

main()
