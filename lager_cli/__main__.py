from lager_cli.main import main

main()
