return await Switchyard.Cli.RootVerb.RunAsync(args);
