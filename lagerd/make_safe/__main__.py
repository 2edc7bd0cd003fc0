from lagerd.make_safe.process import main

main()
