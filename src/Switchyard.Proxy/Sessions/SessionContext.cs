using Microsoft.Extensions.Logging;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Reads;
using Switchyard.Proxy.Routing;
using Switchyard.Proxy.Shadow;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Sessions;

/// <summary>What all sessions of a proxy share.</summary>
internal sealed record SessionContext(
    ProxyOptions Options,
    TopologyView View,
    BackendProfiles Profiles,
    LegOpener Opener,
    AwaitedLegs Awaited,
    LegReaper Reaper,
    LoginService Login,
    StatementCache Statements,
    TransactionShapes Transactions,
    GateKeeper Gates,
    ReadRouter Reads,
    ShadowReads Shadow,
    ViewCatalog Views,
    RoutineCatalog Routines,
    SessionRegistry Sessions,
    ProxyInstruments Instruments,
    TimeProvider Time,
    ILogger Logger);
