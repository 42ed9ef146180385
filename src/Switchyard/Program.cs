Switchyard.SocketThreads.Provide();
return await Switchyard.Cli.RootVerb.RunAsync(args);
