using Switchyard.Topology.Tests;

return args is ["crash-child", var path] ? await CrashDurabilityTests.RunChildAsync(path) : 0;
