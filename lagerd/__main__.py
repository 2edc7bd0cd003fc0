from lagerd.main import main

main()
